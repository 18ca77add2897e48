package console

import (
	"strings"
	"testing"
)

// Lines of gin 1.11 and 1.12, with colours and without.
var requestLines = []string{
	"[GIN] 2026/11/26 - 12:00:00 | 200 |      23.456µs |                 | GET      \"/vm/state\"\n",
	"[GIN] 2026/11/26 - 12:00:00 |\x1b[97;42m 202 \x1b[0m|    1.234567ms |                 |\x1b[97;46m POST    \x1b[0m \"/vm/state\"\n",
	"[GIN] 2026/11/26 - 12:00:00 |\x1b[97;43m 404 \x1b[0m|\x1b[97;44m      1.2s \x1b[0m|             ::1 |\x1b[97;44m GET     \x1b[0m \"/other\"\n",
}

// TestRequestLog drops the lines of vfkit's server wherever they stand and
// however they are cut, and nothing of the guest's.
func TestRequestLog(t *testing.T) {
	const guest = "[    1.0] [GIN] log[in:\r\n[[GIN] 2026/11/26 - 12:00:00 | 200 |  1µs |  | GET  \"/vm/state\"\r\n\x1b[31mx\nlogin: ["
	for _, line := range requestLines {
		for at := 0; at <= len(guest); at++ {
			output := guest[:at] + line + guest[at:]
			for _, size := range []int{1, 3, 1 << 10} {
				if got := throughLog(output, size); got != guest {
					t.Fatalf("%q in pieces of %d became %q", output, size, got)
				}
			}
		}
		if got := throughLog(line+line+"# ", 7); got != "# " {
			t.Errorf("two of %q became %q", line, got)
		}
	}
}

func throughLog(output string, size int) string {
	var l requestLog
	var got strings.Builder
	for len(output) > 0 {
		n := min(size, len(output))
		got.Write(l.take([]byte(output[:n])))
		output = output[n:]
	}
	got.Write(l.release())
	return got.String()
}

// TestPrompt: what looks like the beginning of such a line is not kept for long.
func TestPrompt(t *testing.T) {
	p, err := NewPty()
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	p.RequestLog = true
	var s Spread
	came := make(printed, 10)
	s.Add(came, func(error) {})
	go p.Output(&s)
	for _, prompt := range []string{"[", "[GIN] "} {
		if _, err := p.slave.WriteString(prompt); err != nil {
			t.Fatal(err)
		}
		if got := <-came; got != prompt { // or the test's own limit
			t.Errorf("%q became %q", prompt, got)
		}
	}
}

type printed chan string

func (c printed) Write(p []byte) (int, error) {
	c <- string(p)
	return len(p), nil
}
