// Prints, as JSON, the layout of every struct of the runtime and of the packages next to it as the debug information of the
// executable that is named has it, and the runtime's integer constants. That is this program itself, built with each Go release
// and for each architecture by tools/gen-layouts.py.
package main

import (
	"debug/dwarf"
	"debug/elf"
	"encoding/json"
	"os"
	"runtime"
	"strings"
	"sync"
	"time"
)

type field struct {
	Name     string `json:"name"`
	Offset   int64  `json:"offset"`
	Type     string `json:"type"`
	Embedded bool   `json:"embedded"`
}

type layout struct {
	Size   int64   `json:"size"`
	Fields []field `json:"fields"`
}

// What a program must use for the linker to keep its type's debug information.
var (
	mutex  sync.RWMutex
	cond   = sync.NewCond(&mutex)
	wait   sync.WaitGroup
	ticker *time.Ticker
	kept   []any
	uses   []func() // of what newer releases have
)

func use() {
	kept = append(kept, &mutex, cond, &wait, ticker)
	runtime.SetFinalizer(cond, func(c *sync.Cond) { c.Broadcast() })
	wait.Add(1)
	go func() {
		cond.L.Lock()
		cond.Wait()
		wait.Done()
	}()
	ticker = time.NewTicker(time.Hour)
	for _, use := range uses {
		use()
	}
}

func wanted(name string) bool {
	for _, prefix := range []string{"runtime.", "sync.", "internal/sync.", "time.", "internal/runtime/maps.", "internal/abi."} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

func read(path string) (map[string]layout, map[string]int64, error) {
	file, err := elf.Open(path)
	if err != nil {
		return nil, nil, err
	}
	defer file.Close()
	data, err := file.DWARF()
	if err != nil {
		return nil, nil, err
	}
	types, consts := map[string]layout{}, map[string]int64{}
	reader := data.Reader()
	for {
		entry, err := reader.Next()
		if err != nil {
			return nil, nil, err
		}
		if entry == nil {
			return types, consts, nil
		}
		name, _ := entry.Val(dwarf.AttrName).(string)
		switch entry.Tag {
		case dwarf.TagStructType:
			if !wanted(name) {
				break
			}
			typ, err := data.Type(entry.Offset)
			if err != nil {
				return nil, nil, err
			}
			st := typ.(*dwarf.StructType)
			l := layout{Size: st.ByteSize}
			for _, f := range st.Field {
				t := f.Type.Common().Name
				l.Fields = append(l.Fields, field{f.Name, f.ByteOffset, t, strings.HasSuffix(t, "."+f.Name)})
			}
			types[name] = l
		case dwarf.TagConstant:
			if value, ok := entry.Val(dwarf.AttrConstValue).(int64); ok && strings.HasPrefix(name, "runtime.") {
				consts[name] = value
			}
		}
		if entry.Tag != dwarf.TagCompileUnit && entry.Children {
			reader.SkipChildren()
		}
	}
}

func main() {
	if len(os.Args) > 2 {
		use()
	}
	var err error
	var out struct {
		Release string            `json:"release"`
		Types   map[string]layout `json:"types"`
		Consts  map[string]int64  `json:"consts"`
	}
	out.Release = runtime.Version()
	out.Types, out.Consts, err = read(os.Args[1])
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(out)
	}
	if err != nil {
		os.Stderr.WriteString(err.Error() + "\n")
		os.Exit(1)
	}
}
