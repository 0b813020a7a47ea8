// Programs that end in every way there is, for tests/exits.py: their argument says how. All but those that say so leak five goroutines.
package main

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"sort"
	"strings"
	"sync"
	"syscall"
	"time"
)

func leak() {
	for i := 0; i < 5; i++ {
		ch := make(chan int)
		go func() { ch <- 1 }() // leaks
	}
	time.Sleep(20 * time.Millisecond)
}

func hurt(sig syscall.Signal) {
	syscall.Kill(os.Getpid(), sig)
	time.Sleep(time.Minute)
}

// state says what a program could notice of how it was started.
func state() {
	status, _ := os.ReadFile("/proc/self/status")
	for _, line := range strings.Split(string(status), "\n") {
		for _, key := range []string{"SigBlk", "SigIgn", "NoNewPrivs", "Seccomp:", "CapEff", "Uid"} {
			if strings.HasPrefix(line, key) {
				fmt.Println(line)
			}
		}
	}
	score, _ := os.ReadFile("/proc/self/oom_score_adj")
	fmt.Print("oom_score_adj ", string(score))
	entries, _ := os.ReadDir("/proc/self/fd")
	var names []string
	for _, entry := range entries {
		if to, err := os.Readlink("/proc/self/fd/" + entry.Name()); err == nil && !strings.HasPrefix(to, "anon_inode") {
			names = append(names, entry.Name())
		}
	}
	sort.Strings(names)
	fmt.Println("descriptors", names)
	limit := syscall.Rlimit{}
	syscall.Getrlimit(syscall.RLIMIT_CORE, &limit)
	fmt.Println("core", limit, "nice", niceness(), "group", syscall.Getpgrp() != os.Getpid())
}

func niceness() int {
	n, _ := syscall.Getpriority(syscall.PRIO_PROCESS, 0)
	return n
}

// threads come and go by the hundred.
func threads() {
	var all sync.WaitGroup
	for i := 0; i < 200; i++ {
		all.Add(1)
		go func() {
			defer all.Done()
			runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
			time.Sleep(time.Millisecond)
		}()
	}
	all.Wait()
}

// collect has the collector stop the world, and goroutines preempted by signals.
func collect() {
	done := time.Now().Add(200 * time.Millisecond)
	var all sync.WaitGroup
	for i := 0; i < 8; i++ {
		all.Add(1)
		go func() {
			defer all.Done()
			for time.Now().Before(done) {
				_ = make([]byte, 1<<16)
			}
		}()
	}
	for time.Now().Before(done) {
		runtime.GC()
	}
	all.Wait()
}

func children() {
	for i := 0; i < 20; i++ {
		out, err := exec.Command("sh", "-c", fmt.Sprintf("echo child %d; exit %d", i, i%3)).CombinedOutput()
		fmt.Print(string(out), err, "\n")
	}
	// One that is still there when we are not.
	after := exec.Command("sh", "-c", "sleep 0.3; echo survived >"+os.Args[2])
	after.Start()
}

// storm starts 200 short programs that are not Go, some at a time.
func storm() {
	var all sync.WaitGroup
	codes := make([]int, 200)
	tokens := make(chan bool, 8)
	for i := range codes {
		all.Add(1)
		go func(i int) {
			defer all.Done()
			tokens <- true
			child := exec.Command([]string{"/bin/true", "/bin/false", "/nowhere"}[i%3])
			child.Run()
			if child.ProcessState != nil {
				codes[i] = 1 + child.ProcessState.ExitCode()
			}
			<-tokens
		}(i)
	}
	all.Wait()
	fmt.Println(codes)
}

// signals are sent to ourselves, thousands, one after the other.
func signals() {
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGUSR2)
	for i := 0; i < 5000; i++ {
		syscall.Kill(os.Getpid(), syscall.SIGUSR2)
		<-c
	}
}

// leave starts a program that reads our input, and ends before it.
func leave() {
	child := exec.Command(os.Args[0], "wait")
	child.Stdin = os.Stdin
	out, _ := child.StdoutPipe()
	child.Start()
	bufio.NewReader(out).ReadString('y')
	fmt.Println("leaves", child.Process.Pid)
}

func waitFor(sig os.Signal) {
	c := make(chan os.Signal, 1)
	signal.Notify(c, sig)
	fmt.Println("ready")
	fmt.Println("got", <-c)
}

func main() {
	how := os.Args[1]
	if how == "at-once" { // leaks nothing
		os.Exit(5)
	}
	if how == "clean" {
		time.Sleep(20 * time.Millisecond)
		return
	}
	leak()
	fmt.Println("begins", how)
	switch how {
	case "exit-3":
		os.Exit(3)
	case "panic":
		panic("as it should be")
	case "other-panics":
		go panic("in another goroutine")
		time.Sleep(time.Minute)
	case "deadlock":
		select {}
	case "segv":
		var p *int
		*p = 1
	case "kill":
		hurt(syscall.SIGKILL)
	case "term":
		hurt(syscall.SIGTERM)
	case "abort":
		hurt(syscall.SIGABRT)
	case "goexit": // main ends, another exits
		go func() {
			time.Sleep(20 * time.Millisecond)
			os.Exit(6)
		}()
		runtime.Goexit()
	case "exec":
		fmt.Println(syscall.Exec("/proc/self/exe", []string{os.Args[0], "exit-3"}, os.Environ()))
	case "exec-other":
		fmt.Println(syscall.Exec("/bin/sh", []string{"sh", "-c", "echo other; exit 9"}, os.Environ()))
	case "state":
		state()
	case "threads":
		threads()
	case "collect":
		collect()
	case "children":
		children()
	case "signals":
		signals()
	case "storm":
		storm()
	case "leave":
		leave()
	case "lines":
		for in := bufio.NewScanner(os.Stdin); in.Scan(); {
			fmt.Println(strings.ToUpper(in.Text()))
		}
	case "catch-term":
		waitFor(syscall.SIGTERM)
	case "ignore-term":
		signal.Ignore(syscall.SIGTERM)
		fallthrough
	case "wait":
		fmt.Println("ready")
		bufio.NewReader(os.Stdin).ReadString('\n')
	}
}
