// etcd as it is released. Its server module has replace directives, so that `go install
// module@version` refuses it; this module pins the same code.
package main

import (
	"os"

	"go.etcd.io/etcd/server/v3/etcdmain"
)

func main() {
	etcdmain.Main(os.Args)
}
