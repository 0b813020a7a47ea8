// Starts what data/known.supp is about, the way users of the libraries start it, and keeps nothing of it. Then it prints "ready" and
// waits until stdin ends.
package main

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/caddyserver/certmagic"
	"github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/ristretto"
	"github.com/fsnotify/fsnotify"
	"github.com/golang/glog"
	"github.com/panjf2000/ants/v2"
	"github.com/rcrowley/go-metrics"
	"github.com/sirupsen/logrus"
	"github.com/syndtr/goleveldb/leveldb"
	"github.com/syndtr/goleveldb/leveldb/storage"
	"go.etcd.io/raft/v3"
	_ "go.opencensus.io/stats/view"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"gopkg.in/natefinch/lumberjack.v2"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/util/workqueue"
	_ "k8s.io/klog"
	"k8s.io/klog/v2"
)

const times = 3

type nothing struct{}

func (nothing) ExportSpans(context.Context, []sdktrace.ReadOnlySpan) error { return nil }
func (nothing) Shutdown(context.Context) error                             { return nil }

type connector struct{}

func (connector) Connect(context.Context) (driver.Conn, error) { return nil, errors.New("no") }
func (connector) Driver() driver.Driver                        { return nil }

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func abandon(dir string) {
	for i := 0; i < times; i++ {
		l := &lumberjack.Logger{Filename: fmt.Sprintf("%s/log%d", dir, i)}
		_, err := l.Write([]byte("x\n"))
		must(err)
		must(l.Close())

		sql.OpenDB(connector{})

		c, err := ristretto.NewCache(&ristretto.Config{NumCounters: 100, MaxCost: 100, BufferItems: 64})
		must(err)
		c.Set("a", 1, 1)

		_, err = leveldb.Open(storage.NewMemStorage(), nil)
		must(err)

		w, err := fsnotify.NewWatcher()
		must(err)
		must(w.Add(dir))

		_ = sdktrace.NewTracerProvider(sdktrace.WithBatcher(nothing{}))

		q := workqueue.NewTypedRateLimitingQueue(workqueue.DefaultTypedControllerRateLimiter[string]())
		q.Add("a")

		cc, err := grpc.NewClient("127.0.0.1:1", grpc.WithTransportCredentials(insecure.NewCredentials()))
		must(err)
		cc.Connect()

		certmagic.NewRateLimiter(1, time.Hour)
		certmagic.NewCache(certmagic.CacheOptions{GetConfigForCert: func(certmagic.Certificate) (*certmagic.Config, error) { return nil, nil }, Logger: zap.NewNop()})

		_, err = badger.Open(badger.DefaultOptions("").WithInMemory(true).WithLogger(nil).WithMemTableSize(1 << 20).WithValueThreshold(1 << 10))
		must(err)

		watch.NewBroadcaster(1, watch.DropIfChannelFull)

		raft.StartNode(&raft.Config{
			ID: 1, ElectionTick: 10, HeartbeatTick: 1, Storage: raft.NewMemoryStorage(), MaxSizePerMsg: 1, MaxInflightMsgs: 1,
		}, []raft.Peer{{ID: 1}})

		p, err := ants.NewPool(4)
		must(err)
		must(p.Submit(func() {}))
	}
}

func main() {
	dir, err := os.MkdirTemp("", "known")
	must(err)
	abandon(dir)
	os.RemoveAll(dir)
	glog.CopyStandardLogTo("INFO")
	klog.StartFlushDaemon(time.Hour)
	metrics.NewMeter()
	signal.Notify(make(chan os.Signal, 1), os.Interrupt)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "ok") }))
	r, err := http.Get(server.URL)
	must(err)
	io.ReadAll(r.Body)
	r.Body.Close()

	for i := 0; i < 3; i++ {
		runtime.GC()
		time.Sleep(50 * time.Millisecond)
	}
	debug.SetGCPercent(-1)
	grow(make([]byte, 8<<20))
	fmt.Println("ready")
	io.Copy(io.Discard, os.Stdin)
}

// grow has the libraries' buffers grow.
func grow(big []byte) {
	zl := zap.New(zapcore.NewCore(zapcore.NewConsoleEncoder(zap.NewProductionEncoderConfig()), zapcore.AddSync(io.Discard), zap.InfoLevel))
	zl.Info(string(big) + string(big))
	lr := logrus.New()
	lr.SetOutput(io.Discard)
	lr.Info(string(big))
	_, err := json.Marshal(big)
	must(err)
}
