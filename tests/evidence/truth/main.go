// Command truth prints what DWARF says of the pointer-holding words of a Go program's package variables:
// "ADDRESS KIND OFFSET-OF-TYPE SIZE VARIABLE TYPE", the type being what the word leads to (pointer, slice), or its own.
// With -frames, of the words of parameters and locals that are kept in frames (DWARF 4, Go up to 1.24):
// "LOW HIGH OFFSET-FROM-CFA KIND OFFSET-OF-TYPE SIZE VARIABLE TYPE", for pc in [LOW, HIGH).
package main

import (
	"debug/dwarf"
	"debug/elf"
	"encoding/binary"
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
	emit(addr, fmt.Sprintf("%s %d %d %s %s", kind, runtime, size(what), variable, d.name))
}

// Prints what is said of the word at addr.
var emit = func(addr int64, text string) { fmt.Printf("%#x %s\n", addr, text) }

// A place in memory that holds [offset, offset+size) of a variable.
type piece struct{ offset, size, cfa int64 }

func leb(b []byte, signed bool) (v int64, n int) {
	shift := uint(0)
	for n < len(b) {
		c := b[n]
		n++
		v |= int64(c&0x7f) << shift
		shift += 7
		if c&0x80 == 0 {
			if signed && c&0x40 != 0 && shift < 64 {
				v |= -1 << shift
			}
			break
		}
	}
	return v, n
}

// The pieces of a location expression that lie in the frame.
func pieces(expr []byte) (ret []piece) {
	var offset, cfa int64
	known := false
	for len(expr) > 0 {
		op := expr[0]
		expr = expr[1:]
		switch {
		case op == 0x9c: // DW_OP_call_frame_cfa
			cfa, known = 0, true
		case op == 0x91: // DW_OP_fbreg
			v, n := leb(expr, true)
			cfa, known = v, true
			expr = expr[n:]
		case op == 0x11 || op == 0x23: // DW_OP_consts, DW_OP_plus_uconst
			v, n := leb(expr, op == 0x11)
			cfa += v
			expr = expr[n:]
		case op == 0x22: // DW_OP_plus
		case op >= 0x50 && op < 0x70: // DW_OP_regN
			known = false
		case op == 0x90: // DW_OP_regx
			_, n := leb(expr, false)
			known = false
			expr = expr[n:]
		case op == 0x93: // DW_OP_piece
			v, n := leb(expr, false)
			if known {
				ret = append(ret, piece{offset, v, cfa})
			}
			offset += v
			known = false
			expr = expr[n:]
		default:
			return ret
		}
	}
	if known {
		ret = append(ret, piece{offset, 1 << 30, cfa})
	}
	return ret
}

func showFrameWord(low, high int64, ps []piece, d *die) {
	emit = func(offset int64, text string) {
		for _, p := range ps {
			if offset >= p.offset && offset+8 <= p.offset+p.size {
				fmt.Printf("%#x %#x %d %s\n", low, high, p.cfa+offset-p.offset, text)
			}
		}
	}
	walk(0, d.typ, d.name)
}

// Shows what the location lists (.debug_loc) say of a parameter or local.
func showLocal(d *die, list []byte, base int64) {
	for len(list) >= 16 {
		low, high := int64(binary.LittleEndian.Uint64(list)), int64(binary.LittleEndian.Uint64(list[8:]))
		list = list[16:]
		if low == 0 && high == 0 {
			return
		}
		if low == -1 {
			base = high
			continue
		}
		n := int(binary.LittleEndian.Uint16(list))
		showFrameWord(base+low, base+high, pieces(list[2:2+n]), d)
		list = list[2+n:]
	}
}

type local struct {
	d         *die
	list      int64
	expr      []byte
	base      int64
	low, high int64
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
		emit(addr, fmt.Sprintf("map %d 8 %s %s", d.runtime, variable, "map["+nameOf(d.key)+"]"+nameOf(d.elem)))
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

func address(e *dwarf.Entry, attr dwarf.Attr) int64 {
	switch v := e.Val(attr).(type) {
	case uint64:
		return int64(v)
	case int64: // DW_AT_high_pc as a length
		return v + address(e, dwarf.AttrLowpc)
	}
	return 0
}

func addLocal(locals []local, e *dwarf.Entry, d *die, base, low, high int64) []local {
	l := local{d: d, base: base, low: low, high: high}
	switch v := e.Val(dwarf.AttrLocation).(type) {
	case int64:
		l.list = v
	case []byte:
		if len(v) == 0 || v[0] == 3 {
			return locals
		}
		l.expr = v
	default:
		return locals
	}
	if d.name == "" { // inlined: the name is with the abstract one
		d.name = "?"
		if origin := dies[ref(e, dwarf.AttrAbstractOrigin)]; origin != nil {
			d.name, d.typ = origin.name, origin.typ
		}
	}
	return append(locals, l)
}

func main() {
	path, frames := os.Args[1], false
	if path == "-frames" {
		path, frames = os.Args[2], true
	}
	f, err := elf.Open(path)
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
	var locals []local
	var base, low, high int64
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
		case dwarf.TagCompileUnit:
			base = address(e, dwarf.AttrLowpc)
		case dwarf.TagFormalParameter:
			locals = addLocal(locals, e, d, base, low, high)
		case dwarf.TagVariable:
			locals = addLocal(locals, e, d, base, low, high)
			loc, _ := e.Val(dwarf.AttrLocation).([]byte)
			if len(loc) == 9 && loc[0] == 3 {
				addr := int64(0)
				for i := 8; i > 0; i-- {
					addr = addr<<8 | int64(loc[i])
				}
				variables = append(variables, variable{addr, d.typ, d.name})
			}
		case dwarf.TagSubprogram:
			low = address(e, dwarf.AttrLowpc)
			high = address(e, dwarf.AttrHighpc)
			if !frames {
				r.SkipChildren()
				continue
			}
		}
		dies[e.Offset] = d
		if e.Children {
			open = append(open, d)
		}
	}
	if frames {
		s := f.Section(".debug_loc")
		if s == nil {
			log.Fatal("no .debug_loc")
		}
		lists, err := s.Data()
		if err != nil {
			log.Fatal(err)
		}
		for _, l := range locals {
			if l.expr != nil {
				showFrameWord(l.low, l.high, pieces(l.expr), l.d)
			} else if l.list < int64(len(lists)) {
				showLocal(l.d, lists[l.list:], l.base)
			}
		}
		return
	}
	for _, v := range variables {
		walk(v.addr, v.typ, v.name)
	}
}
