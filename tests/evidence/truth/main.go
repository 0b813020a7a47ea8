// Command truth prints what DWARF says of the pointer-holding words of a Go program's package variables:
// "ADDRESS KIND OFFSET-OF-TYPE SIZE VARIABLE TYPE", the type being what the word leads to (pointer, slice), or its own.
package main

import (
	"debug/dwarf"
	"debug/elf"
	"fmt"
	"log"
	"os"
)

const (
	attrKind    = dwarf.Attr(0x2900)
	attrKey     = dwarf.Attr(0x2901)
	attrElem    = dwarf.Attr(0x2902)
	attrRuntime = dwarf.Attr(0x2904)
)

type member struct {
	offset int64
	typ    dwarf.Offset
}
type die struct {
	tag           dwarf.Tag
	name          string
	size          int64
	kind, runtime int64
	typ, elem     dwarf.Offset
	key           dwarf.Offset
	count         int64
	members       []member
}

var dies = map[dwarf.Offset]*die{}

func number(e *dwarf.Entry, attr dwarf.Attr) int64 {
	switch v := e.Val(attr).(type) {
	case int64:
		return v
	case uint64:
		return int64(v)
	}
	return 0
}

func ref(e *dwarf.Entry, attr dwarf.Attr) dwarf.Offset {
	v, _ := e.Val(attr).(dwarf.Offset)
	return v
}

// Follows names to what is behind them.
func behind(off dwarf.Offset) *die {
	d := dies[off]
	for i := 0; d != nil && d.kind == 0 && d.tag == dwarf.TagTypedef && i < 32; i++ {
		d = dies[d.typ]
	}
	return d
}

func nameOf(off dwarf.Offset) string {
	if d := dies[off]; d != nil {
		return d.name
	}
	return "?"
}

func show(addr int64, kind string, what dwarf.Offset, variable string) {
	d := dies[what]
	if d == nil {
		d = &die{name: "?"}
	}
	runtime := d.runtime
	if runtime == 0 {
		if b := behind(what); b != nil && b != d && d.tag != dwarf.TagTypedef {
			runtime = b.runtime
		}
	}
	fmt.Printf("%#x %s %d %d %s %s\n", addr, kind, runtime, size(what), variable, d.name)
}

func size(off dwarf.Offset) int64 {
	d := dies[off]
	for i := 0; d != nil && i < 32; i++ {
		if d.tag == dwarf.TagPointerType || d.tag == dwarf.TagSubroutineType {
			return 8
		}
		if d.tag != dwarf.TagTypedef || d.size > 0 {
			return d.size
		}
		d = dies[d.typ]
	}
	return 0
}

func walk(addr int64, off dwarf.Offset, variable string) {
	named, d := dies[off], behind(off)
	if d == nil || named == nil {
		return
	}
	switch d.kind {
	case 17:
		for i := int64(0); i < d.count && i < 4096; i++ {
			walk(addr+i*size(d.typ), d.typ, variable)
		}
	case 18:
		show(addr, "chan", off, variable)
	case 19:
		show(addr, "func", off, variable)
	case 20:
		under := dies[d.typ]
		if under != nil && under.name == "runtime.eface" {
			show(addr, "eface", off, variable)
		} else {
			show(addr, "iface", off, variable)
		}
	case 21:
		fmt.Printf("%#x map %d 8 %s %s\n", addr, d.runtime, variable, "map["+nameOf(d.key)+"]"+nameOf(d.elem))
	case 22:
		show(addr, "pointer", d.typ, variable)
	case 23:
		show(addr, "slice", d.elem, variable)
	case 24:
		show(addr, "string", 0, variable)
	case 26:
		show(addr, "unsafe", 0, variable)
	case 25:
		for _, m := range d.members {
			walk(addr+m.offset, m.typ, variable)
		}
	}
}

func main() {
	f, err := elf.Open(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	data, err := f.DWARF()
	if err != nil {
		log.Fatal(err)
	}
	type variable struct {
		addr int64
		typ  dwarf.Offset
		name string
	}
	var variables []variable
	var open []*die
	r := data.Reader()
	for {
		e, err := r.Next()
		if err != nil {
			log.Fatal(err)
		}
		if e == nil {
			break
		}
		if e.Tag == 0 {
			open = open[:len(open)-1]
			continue
		}
		d := &die{tag: e.Tag, kind: number(e, attrKind), runtime: number(e, attrRuntime), size: number(e, dwarf.AttrByteSize)}
		d.name, _ = e.Val(dwarf.AttrName).(string)
		d.typ, d.key, d.elem = ref(e, dwarf.AttrType), ref(e, attrKey), ref(e, attrElem)
		switch e.Tag {
		case dwarf.TagMember:
			if len(open) > 0 {
				p := open[len(open)-1]
				p.members = append(p.members, member{number(e, dwarf.AttrDataMemberLoc), d.typ})
			}
		case dwarf.TagSubrangeType:
			if len(open) > 0 {
				open[len(open)-1].count = number(e, dwarf.AttrCount)
			}
		case dwarf.TagVariable:
			loc, _ := e.Val(dwarf.AttrLocation).([]byte)
			if len(loc) == 9 && loc[0] == 3 {
				addr := int64(0)
				for i := 8; i > 0; i-- {
					addr = addr<<8 | int64(loc[i])
				}
				variables = append(variables, variable{addr, d.typ, d.name})
			}
		case dwarf.TagSubprogram:
			r.SkipChildren()
			continue
		default:
			dies[e.Offset] = d
		}
		if e.Children {
			open = append(open, d)
		}
	}
	for _, v := range variables {
		walk(v.addr, v.typ, v.name)
	}
}
