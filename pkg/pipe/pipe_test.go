package pipe

import (
	"os"
	"testing"
	"time"
)

func TestAwaitUnread(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	gone := make(chan bool, 1)
	await := func(done chan struct{}) { gone <- AwaitUnread(w, done) }
	go await(nil)
	select {
	case <-gone:
		t.Fatal("gone while there is a reader")
	case <-time.After(2 * look):
	}
	done := make(chan struct{})
	close(done)
	if AwaitUnread(w, done) {
		t.Error("unread while there is a reader")
	}
	r.Close()
	select {
	case unread := <-gone:
		if !unread {
			t.Error("the reader's end is taken for something else")
		}
	case <-time.After(10 * time.Second):
		t.Fatal("the reader's end was not noticed")
	}
	file, err := os.Create(t.TempDir() + "/file")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if AwaitUnread(file, nil) {
		t.Error("a file has a reader")
	}
}
