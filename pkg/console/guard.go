package console

import (
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
)

// guard is a small process that outlives this one if it must: when we are
// killed without a chance to restore the terminal, it does.
type guard struct {
	cmd  *exec.Cmd
	word io.WriteCloser // what tells the guard that all is well
}

// guardScript waits for a word on stdin. If there is none before the end, our
// end, it gives the terminal, which is its stdout, the modes "$0" back, and
// undoes of what a guest can have changed what can be undone unseen: mouse,
// pasted text, cursor, colours. As a background process it would be stopped for
// that, hence the trap.
const guardScript = `trap '' INT TERM HUP QUIT TSTP TTOU; read -r word || { stty "$0" <&1; ` +
	`printf '\033[?1000;1002;1003;1004;1006;2004;1l\033[?47l\033[?25h\033[0m\033>'; }`

// newGuard starts a guard for the terminal in its present modes.
func newGuard(terminal *os.File) (*guard, error) {
	stty := exec.Command("stty", "-g")
	stty.Stdin = terminal
	modes, err := stty.Output()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command("sh", "-c", guardScript, strings.TrimSpace(string(modes)))
	cmd.Stdout = terminal
	// A process group of its own: what kills ours leaves it alone.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	word, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return &guard{cmd, word}, nil
}

// dismiss ends the guard after the terminal has been restored.
func (g *guard) dismiss() {
	if g == nil {
		return
	}
	_, _ = io.WriteString(g.word, "restored\n") // without it the guard does it again
	g.word.Close()
	_ = g.cmd.Wait()
}
