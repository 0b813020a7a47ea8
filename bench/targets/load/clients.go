package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
)

type httpClient struct {
	conn   net.Conn
	reader *bufio.Reader
}

func connectHTTP(conn net.Conn) (client, error) {
	return &httpClient{conn, bufio.NewReader(conn)}, nil
}

func (c *httpClient) roundTrip() error {
	if _, err := io.WriteString(c.conn, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
		return err
	}
	answer, err := http.ReadResponse(c.reader, nil)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("status %d", answer.StatusCode)
	}
	_, err = io.Copy(io.Discard, answer.Body)
	return err
}

// A natsClient publishes to a subject of its own and waits for what it has subscribed to.
type natsClient struct {
	conn    net.Conn
	reader  *bufio.Reader
	subject string
	sent    int
}

var natsClients int64

func connectNATS(conn net.Conn) (client, error) {
	c := &natsClient{conn: conn, reader: bufio.NewReader(conn)}
	c.subject = fmt.Sprintf("bench.%d", atomic.AddInt64(&natsClients, 1))
	_, err := fmt.Fprintf(conn, "CONNECT {\"verbose\":false}\r\nSUB %s 1\r\nPING\r\n", c.subject)
	if err == nil {
		_, err = c.expect("PONG")
	}
	return c, err
}

// expect reads up to the line that begins so, and answers the server's own questions on the way.
func (c *natsClient) expect(prefix string) (string, error) {
	for {
		line, err := c.reader.ReadString('\n')
		switch {
		case err != nil:
			return "", err
		case strings.HasPrefix(line, prefix):
			return strings.TrimSpace(line), nil
		case strings.HasPrefix(line, "PING"):
			if _, err := io.WriteString(c.conn, "PONG\r\n"); err != nil {
				return "", err
			}
		case strings.HasPrefix(line, "-ERR"):
			return "", fmt.Errorf("nats: %q", line)
		}
	}
}

func (c *natsClient) roundTrip() error {
	c.sent++
	body := strconv.Itoa(c.sent)
	if _, err := fmt.Fprintf(c.conn, "PUB %s %d\r\n%s\r\n", c.subject, len(body), body); err != nil {
		return err
	}
	if _, err := c.expect("MSG " + c.subject); err != nil {
		return err
	}
	got, err := c.reader.ReadString('\n')
	if err == nil && strings.TrimSpace(got) != body {
		err = fmt.Errorf("nats: sent %q, got %q", body, got)
	}
	return err
}

// subscribe makes the server hold so many subscriptions, for as long as this process lives.
func subscribe(address string, count int) error {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return err
	}
	made, err := connectNATS(conn)
	if err != nil {
		return err
	}
	out := bufio.NewWriter(conn)
	for i := 0; i < count; i++ {
		fmt.Fprintf(out, "SUB held.%d.of.%d %d\r\n", i, i%1000, i+2)
	}
	out.WriteString("PING\r\n")
	if err := out.Flush(); err != nil {
		return err
	}
	c := made.(*natsClient)
	if _, err := c.expect("PONG"); err != nil {
		return err
	}
	go c.expect("for ever")
	return nil
}
