// Command formats reads reports of seep with the parsers of the tools that they are written for, and prints what it has
// read as JSON, or fails with what is wrong. FORMAT is prom (Prometheus' linter, which is `promtool check metrics`, and its OpenMetrics
// parser), junit (a reader of JUnit reports), sarif (the standard's own schema), or the path of a JSON schema.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/joshdk/go-junit"
	// For its folder, in which the schema is.
	_ "github.com/owenrumney/go-sarif/v3/pkg/report/v210/sarif"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/textparse"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

type sample struct {
	Labels map[string]string
	Value  float64
}

func readProm(data []byte) (any, error) {
	problems, err := promlint.New(bytes.NewReader(data)).Lint()
	if err != nil || len(problems) > 0 {
		return nil, fmt.Errorf("lint: %v %v", err, problems)
	}
	samples := []sample{}
	p := textparse.NewOpenMetricsParser(data, labels.NewSymbolTable())
	for {
		entry, err := p.Next()
		if errors.Is(err, io.EOF) {
			return samples, nil
		}
		if err != nil {
			return nil, err
		}
		if entry != textparse.EntrySeries {
			continue
		}
		var set labels.Labels
		p.Labels(&set)
		_, _, value := p.Series()
		samples = append(samples, sample{set.Map(), value})
	}
}

func readJunit(data []byte) (any, error) {
	return junit.Ingest(data)
}

// schema is the text of the standard's schema, which the package sarif has as a constant.
func schema() (string, error) {
	const path = "github.com/owenrumney/go-sarif/v3/pkg/report/v210/sarif"
	folder, err := exec.Command(os.Getenv("SEEP_GO"), "list", "-f", "{{.Dir}}", path).Output()
	if err != nil {
		return "", err
	}
	file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(strings.TrimSpace(string(folder)), "schema.go"), nil, 0)
	if err != nil {
		return "", err
	}
	text := ""
	ast.Inspect(file, func(node ast.Node) bool {
		if literal, ok := node.(*ast.BasicLit); ok && literal.Kind == token.STRING && len(literal.Value) > len(text) {
			text = literal.Value
		}
		return true
	})
	return strconv.Unquote(text)
}

func readSarif(data []byte) (any, error) {
	text, err := schema()
	if err != nil {
		return nil, err
	}
	return validate(data, strings.NewReader(text))
}

func validate(data []byte, schema io.Reader) (any, error) {
	const name = "schema.json"
	document, err := jsonschema.UnmarshalJSON(schema)
	if err != nil {
		return nil, err
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource(name, document); err != nil {
		return nil, err
	}
	compiled, err := compiler.Compile(name)
	if err != nil {
		return nil, err
	}
	instance, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	return true, compiled.Validate(instance)
}

func readBySchema(data []byte, path string) (any, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return validate(data, file)
}

func run(format, path string) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var what any
	switch format {
	case "prom":
		what, err = readProm(data)
	case "junit":
		what, err = readJunit(data)
	case "sarif":
		what, err = readSarif(data)
	default:
		what, err = readBySchema(data, format)
	}
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(what)
}

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: formats FORMAT FILE")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
