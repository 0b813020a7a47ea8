package main

import "testing"

func TestLeaks(t *testing.T) { leak() }

func TestPasses(t *testing.T) {}

func TestFails(t *testing.T) {
	if testing.Verbose() {
		t.Fail()
	}
}
