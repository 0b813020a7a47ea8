package alltypes

import "reflect"

// keepReflect keeps values of types that exist only at run time.
func keepReflect() {
	treeType := reflect.TypeOf((*tree)(nil))
	record := reflect.StructOf([]reflect.StructField{
		{Name: "A", Type: reflect.TypeOf(int8(0))},
		{Name: "B", Type: treeType},
		{Name: "C", Type: reflect.TypeOf("")},
		{Name: "D", Type: reflect.ArrayOf(3, reflect.TypeOf([]int(nil)))},
	})
	fill := func(v reflect.Value) reflect.Value {
		v.Field(1).Set(reflect.ValueOf(&tree{name: "reflected"}))
		v.Field(2).SetString(text(5))
		v.Field(3).Index(1).Set(reflect.ValueOf(make([]int, 9)))
		return v
	}
	keep(fill(reflect.New(record).Elem()).Addr().Interface())
	for _, n := range []int{1, 2, 30, 200, 3000} {
		array := reflect.New(reflect.ArrayOf(n, record))
		fill(array.Elem().Index(n - 1))
		slice := reflect.MakeSlice(reflect.SliceOf(record), n, n+5)
		fill(slice.Index(n / 2))
		keep(array.Interface(), slice.Interface())
		keep(reflect.New(reflect.ArrayOf(n, reflect.ArrayOf(3, treeType))).Interface())
	}

	m := reflect.MakeMap(reflect.MapOf(reflect.TypeOf(""), record))
	big := reflect.MakeMap(reflect.MapOf(reflect.ArrayOf(50, reflect.TypeOf(0)), reflect.ArrayOf(40, treeType)))
	for i := 0; i < 40; i++ {
		m.SetMapIndex(reflect.ValueOf(text(i)), fill(reflect.New(record).Elem()))
		k, v := reflect.New(big.Type().Key()).Elem(), reflect.New(big.Type().Elem()).Elem()
		k.Index(0).SetInt(int64(i))
		v.Index(i).Set(reflect.ValueOf(&tree{}))
		big.SetMapIndex(k, v)
	}
	keep(m.Interface(), big.Interface())

	ch := reflect.MakeChan(reflect.ChanOf(reflect.BothDir, record), 3)
	ch.Send(fill(reflect.New(record).Elem()))
	keep(ch.Interface())

	swap := reflect.FuncOf([]reflect.Type{treeType, reflect.TypeOf(0)}, []reflect.Type{treeType}, false)
	captured := &tree{name: "captured by MakeFunc"}
	keep(reflect.MakeFunc(swap, func([]reflect.Value) []reflect.Value {
		return []reflect.Value{reflect.ValueOf(captured)}
	}).Interface())
	keep(reflect.ValueOf(&polygon{name: "reflected method"}).MethodByName("area"))
	keep(reflect.ValueOf(&tree{}), reflect.TypeOf(kept), reflect.Zero(record))
	keep(reflect.ValueOf(&reader{}).MethodByName("Read").Interface())
}

type reader struct{ position *int }

// Read is exported so that reflection finds it.
func (r *reader) Read(p []byte) (int, error) { return len(p), nil }
