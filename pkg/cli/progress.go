package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/term"
)

const (
	patience = 500 * time.Millisecond // what takes no longer is not worth a word
	redraw   = 100 * time.Millisecond // time between two drawings
)

// progress is a line on the terminal that goes away again.
type progress struct{ began, drawn time.Time }

// Progress shows how far a file that is being made has come, if stderr is a
// terminal and it takes a while. When all is done the line is erased.
func (t *Tool) Progress(path string, done, total int64) {
	p, now := &t.progress, time.Now()
	switch {
	case done >= total:
		if !p.drawn.IsZero() {
			fmt.Fprint(t.Stderr, "\r\x1b[K") // to the line's start, erase to its end (ECMA-48, EL)
		}
		*p = progress{}
	case p.began.IsZero():
		p.began = now
	case now.Sub(p.began) > patience && now.Sub(p.drawn) > redraw && t.onTerminal():
		p.drawn = now
		fmt.Fprintf(t.Stderr, "\r%s: making %.40s: %d%%\x1b[K", t.Name, safe(filepath.Base(path)), done*100/total)
	}
}

func (t *Tool) onTerminal() bool {
	f, ok := t.Stderr.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
