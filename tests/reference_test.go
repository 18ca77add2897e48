//go:build linux

package tests

import (
	"bufio"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"
)

var tools = []string{"nixvf-eval", "nixvf-disk", "nixvf-args", "nixvf-boot"}

// usage is what --help says that there is, which kong writes by itself.
type usage struct {
	flags    []string            // of the tool: "-v", "--verbose"
	commands map[string][]string // their flags, the tool's among them
}

var (
	helpFlag    = regexp.MustCompile(`(?m)^  (?:(-\w), |    )--(\[no-\])?([a-z-]+)`)
	helpCommand = regexp.MustCompile(`(?m)^  ([a-z-]+) .*\[flags\]$`)
)

func output(t *testing.T, tool string, args ...string) string {
	t.Helper()
	cmd := exec.Command(filepath.Join(bin, tool), args...)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v", cmd, err)
	}
	return string(out)
}

func flagsOf(help string) []string {
	_, help, _ = strings.Cut(help, "\nFlags:\n")
	help, _, _ = strings.Cut(help, "\nCommands:\n")
	var flags []string
	for _, m := range helpFlag.FindAllStringSubmatch(help, -1) {
		flags = append(flags, "--"+m[3])
		if m[1] != "" {
			flags = append(flags, m[1])
		}
		if m[2] != "" {
			flags = append(flags, "--no-"+m[3])
		}
	}
	slices.Sort(flags)
	return flags
}

var usages = map[string]usage{}

func usageOf(t *testing.T, tool string) usage {
	t.Helper()
	if u, ok := usages[tool]; ok {
		return u
	}
	help := output(t, tool, "--help")
	u := usage{flagsOf(help), map[string][]string{}}
	_, commands, _ := strings.Cut(help, "\nCommands:\n")
	for _, m := range helpCommand.FindAllStringSubmatch(commands, -1) {
		u.commands[m[1]] = flagsOf(output(t, tool, m[1], "--help"))
	}
	if len(u.flags) < 3 || tool == "nixvf-boot" && len(u.commands) < 9 {
		t.Fatalf("%s --help: %v", tool, u)
	}
	usages[tool] = u
	return u
}

// atOnce are the flags that can follow the tool's name.
func (u usage) atOnce() []string {
	all := slices.Concat(u.flags, u.commands["boot"])
	slices.Sort(all)
	return slices.Compact(all)
}

// The manual has each flag and command that --help has, no others, and every
// section with something in it.
func TestManual(t *testing.T) {
	for _, tool := range tools {
		t.Run(tool, func(t *testing.T) {
			page := output(t, tool, "--generate", "man")
			lintManual(t, page)
			u := usageOf(t, tool)
			found := map[string]string{}
			var names []string
			for _, text := range strings.Split(page, "\n.SH ")[1:] {
				name, body, _ := strings.Cut(text, "\n")
				found[name], names = body, append(names, name)
				if strings.TrimSpace(body) == "" {
					t.Errorf("%s: empty", name)
				}
			}
			want := []string{"NAME", "SYNOPSIS", "DESCRIPTION", "COMMANDS", "OPTIONS", "EXIT STATUS", "ENVIRONMENT", "FILES", "EXAMPLES", "SEE ALSO"}
			if len(u.commands) == 0 {
				want = slices.DeleteFunc(want, func(s string) bool { return s == "COMMANDS" })
			}
			if !slices.Equal(names, want) {
				t.Errorf("sections: %q, want %q", names, want)
			}
			if got := manualFlags(found["OPTIONS"]); !slices.Equal(got, u.flags) {
				t.Errorf("options: %q, want %q", got, u.flags)
			}
			commands := map[string][]string{}
			for _, text := range strings.Split("\n"+found["COMMANDS"], "\n.SS ")[1:] {
				name, _, _ := strings.Cut(strings.ReplaceAll(text, `\-`, "-"), " ")
				commands[name] = slices.Sorted(slices.Values(append(manualFlags(text), u.flags...)))
			}
			if !maps.EqualFunc(commands, u.commands, slices.Equal[[]string]) {
				t.Errorf("commands: %q, want %q", commands, u.commands)
			}
		})
	}
}

// manualFlags are the flags that a section explains.
func manualFlags(section string) []string {
	var flags []string
	for _, m := range regexp.MustCompile(`(?m)^\.TP\n\\fB(?:(-\w), )?--(\[no-\])?([a-z-]+)`).
		FindAllStringSubmatch(strings.ReplaceAll(section, `\-`, "-"), -1) {
		flags = append(flags, "--"+m[3])
		if m[1] != "" {
			flags = append(flags, m[1])
		}
		if m[2] != "" {
			flags = append(flags, "--no-"+m[3])
		}
	}
	slices.Sort(flags)
	return flags
}

// lintManual has mandoc look at a page. It has no date, so that the same sources
// make the same page.
func lintManual(t *testing.T, page string) {
	t.Helper()
	mandoc, err := exec.LookPath("mandoc")
	if err != nil {
		t.Log(err)
		return
	}
	cmd := exec.Command(mandoc, "-T", "lint", "-W", "warning")
	cmd.Stdin = strings.NewReader(page)
	out, _ := cmd.CombinedOutput() // which says more than the status
	for _, l := range strings.Split(strings.TrimSpace(string(out)), "\n") {
		if l != "" && !strings.Contains(l, "missing date") {
			t.Error(l)
		}
	}
}

// wrapperCompletion is the completion of nixvf, as packages.nix makes it.
func wrapperCompletion(t *testing.T, shell string) string {
	t.Helper()
	return "#compdef nixvf\n" + output(t, "nixvf-boot", "--generate", shell) + output(t, "nixvf-args", "--generate", shell) +
		read(t, "../pkg/flake/nixvf."+shell)
}

// The manual of the wrapper has the sections of the others', and each command.
func TestWrapperManual(t *testing.T) {
	page := read(t, "../pkg/flake/nixvf.1")
	lintManual(t, page)
	last := -1
	for _, section := range []string{"NAME", "SYNOPSIS", "DESCRIPTION", "COMMANDS", "OPTIONS", "EXIT STATUS", "ENVIRONMENT", "FILES", "EXAMPLES", "SEE ALSO"} {
		at := strings.Index(page, "\n.SH "+section+"\n")
		if at <= last {
			t.Errorf("%s: at %d, after %d", section, at, last)
		}
		last = at
	}
	_, text, _ := strings.Cut(page, "\n.SH COMMANDS\n")
	text, _, _ = strings.Cut(text, "see\n")
	var got []string
	for _, m := range regexp.MustCompile(`(?m)^\.BR (\S+) [,:]$`).FindAllStringSubmatch(text, -1) {
		got = append(got, strings.ReplaceAll(m[1], `\-`, "-"))
	}
	slices.Sort(got)
	if want := wrapperCommands(t); !slices.Equal(got, want) {
		t.Errorf("commands %q, want %q", got, want)
	}
}

// wrapperCommands are those of nixvf-boot that nixvf has.
func wrapperCommands(t *testing.T) []string {
	t.Helper()
	return slices.DeleteFunc(slices.Sorted(maps.Keys(usageOf(t, "nixvf-boot").commands)), func(s string) bool { return s == "boot" })
}

// completions are the files that a tool prints for a shell, the tools themselves
// being in PATH, with two VMs in a new state directory.
func completions(t *testing.T, shell string) (dir string, env []string) {
	t.Helper()
	if _, err := exec.LookPath(shell); err != nil {
		t.Skip(err)
	}
	dir = t.TempDir()
	for _, tool := range tools {
		if err := os.WriteFile(filepath.Join(dir, tool), []byte(output(t, tool, "--generate", shell)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "nixvf"), []byte(wrapperCompletion(t, shell)), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"vm-1", "web-2", "web-3"} {
		if err := os.MkdirAll(filepath.Join(dir, "state/nixvf", id), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.MkdirAll(filepath.Join(dir, "somewhere/inner"), 0o700); err != nil {
		t.Fatal(err)
	}
	return dir, append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"), "XDG_STATE_HOME="+dir+"/state", "XDG_CONFIG_HOME="+dir, "XDG_DATA_HOME="+dir,
		"HOME="+dir, "TERM=dumb", "LC_ALL=C.UTF-8")
}

// ask has a shell say what can stand in the place of the last word of each line.
func ask(t *testing.T, shell string, lines [][]string) [][]string {
	t.Helper()
	dir, env := completions(t, shell)
	script := map[string]string{
		"bash": `for f in nixvf*; do . ./$f; done
while IFS=$'\t' read -ra COMP_WORDS; do
  [[ ${COMP_WORDS[${#COMP_WORDS[@]} - 1]} != EMPTY ]] || COMP_WORDS[${#COMP_WORDS[@]} - 1]=
  COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
  _${COMP_WORDS//-/_} && echo "${COMPREPLY[*]}"
done`,
		"fish": `for f in nixvf*; source $f; end
while read -d \t -a words
  string match -q -- EMPTY $words[-1]; and set words[-1] ""
  echo (complete -C (string join -- " " $words) | string replace -r "\t.*" "")
end`,
	}[shell]
	var in strings.Builder
	for _, l := range lines {
		fmt.Fprintln(&in, strings.Join(l, "\t"))
	}
	args := []string{"-c", script}
	if shell == "bash" {
		args = []string{"--norc", "--noprofile", "-c", script}
	}
	cmd := exec.Command(shell, args...)
	cmd.Env, cmd.Dir, cmd.Stdin = env, dir, strings.NewReader(in.String())
	cmd.Stderr = &strings.Builder{}
	out, err := cmd.Output()
	answers := strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
	if err != nil || len(answers) != len(lines) || fmt.Sprint(cmd.Stderr) != "" {
		t.Fatalf("%s: %v: %d answers to %d lines: %q\n%s", shell, err, len(answers), len(lines), out, cmd.Stderr)
	}
	var words [][]string
	for _, a := range answers {
		words = append(words, slices.Sorted(slices.Values(strings.Fields(a))))
	}
	return words
}

// Completion has each flag and command that --help has, and no others.
func TestCompletionIsComplete(t *testing.T) {
	var lines, want [][]string
	add := func(answer []string, words ...string) {
		lines, want = append(lines, words), append(want, answer)
	}
	for _, tool := range tools {
		u := usageOf(t, tool)
		add(u.atOnce(), tool, "-")
		for command, flags := range u.commands {
			add(flags, tool, command, "-")
		}
		if len(u.commands) > 0 {
			add(slices.Sorted(maps.Keys(u.commands)), tool, "EMPTY")
		}
	}
	for _, command := range wrapperCommands(t) {
		add(usageOf(t, "nixvf-boot").commands[command], "nixvf", command, "-")
		add(withPrefix(wrapperCommands(t), command), "nixvf", command)
	}
	add(usageOf(t, "nixvf-args").flags, "nixvf", ".#vm", "-")
	for _, shell := range []string{"bash", "fish"} {
		t.Run(shell, func(t *testing.T) {
			for i, got := range ask(t, shell, lines) {
				if !slices.Equal(got, want[i]) {
					t.Errorf("%q: %q, want %q", lines[i], got, want[i])
				}
			}
		})
	}
	t.Run("zsh", func(t *testing.T) { // whose scripts are read: TestTabKey runs some of them
		_, known, _ := strings.Cut(read(t, "../pkg/flake/nixvf.zsh"), "known=(")
		known, _, _ = strings.Cut(known, ")")
		if got := slices.Sorted(slices.Values(strings.Fields(known))); !slices.Equal(got, wrapperCommands(t)) {
			t.Errorf("nixvf: %q, want %q", got, wrapperCommands(t))
		}
		for _, tool := range tools {
			u := usageOf(t, tool)
			first, commands, _ := strings.Cut(output(t, tool, "--generate", "zsh"), "  case $state in")
			if got := zshFlags(first); !slices.Equal(got, u.atOnce()) {
				t.Errorf("%s: %q, want %q", tool, got, u.atOnce())
			}
			for command, flags := range u.commands {
				_, part, _ := strings.Cut(commands, "        "+command+") _arguments")
				part, _, _ = strings.Cut(part, ";;")
				if got := zshFlags(part); !slices.Equal(got, flags) || !strings.Contains(first, "    '"+command+":") {
					t.Errorf("%s %s: %q, want %q", tool, command, got, flags)
				}
			}
		}
	})
}

func withPrefix(words []string, prefix string) []string {
	return slices.DeleteFunc(words, func(w string) bool { return !strings.HasPrefix(w, prefix) })
}

// zshFlags are the flags that the arguments of _arguments specify.
func zshFlags(script string) []string {
	var flags []string
	for _, m := range regexp.MustCompile(`(?m)^    '(?:\([^)]*\)|\*)(-[a-z-]+)[+=]?\[`).FindAllStringSubmatch(script, -1) {
		flags = append(flags, m[1])
	}
	slices.Sort(flags)
	return flags
}

// Values: the words of an enum, ids of VMs, and files.
func TestCompletionOfValues(t *testing.T) {
	ids := []string{"vm-1", "web-2", "web-3"}
	lines := map[string][]string{
		"nixvf-boot --vmm q":              {"qemu"},
		"nixvf-boot --vmm EMPTY":          {"auto", "qemu", "vfkit"},
		"nixvf-boot boot --vmm v":         {"vfkit"},
		"nixvf-boot --vmm qemu --dr":      {"--dry-run"},
		"nixvf-boot attach EMPTY":         ids,
		"nixvf-boot stop web-2 v":         {"vm-1"},
		"nixvf-boot wait --for running w": {"web-2", "web-3"},
		"nixvf-boot wait --for r":         {"ready", "running"},
		"nixvf-boot log -f w":             {"web-2", "web-3"},
		"nixvf-boot remove -y vm":         {"vm-1"},
		"nixvf-boot hand-over web":        {"web-2", "web-3"},
		"nixvf-boot switch web":           {"web-2", "web-3"},
		"nixvf-args --id vm":              {"vm-1"},
		"nixvf-args --net n":              {"nat", "none"},
		"nixvf-args --format l":           {"lines"},
		"nixvf-args --console p":          {"pty"},
		"nixvf-disk --format e":           {"ext4"},
		"nixvf sto":                       {"stop"},
		"nixvf stop web-2 v":              {"vm-1"},
		"nixvf wait --for r":              {"ready", "running"},
		"nixvf .#vm --net n":              {"nat", "none"},
		"nixvf switch .#vm --dr":          {"--dry-run"},
		"nixvf .#vm --gui --id vm":        {"vm-1"},
	}
	for _, shell := range []string{"bash", "fish"} {
		t.Run(shell, func(t *testing.T) {
			var questions [][]string
			keys := slices.Sorted(maps.Keys(lines))
			for _, l := range keys {
				questions = append(questions, strings.Split(l, " "))
			}
			for i, got := range ask(t, shell, questions) {
				if !slices.Equal(got, lines[keys[i]]) {
					t.Errorf("%q: %q, want %q", keys[i], got, lines[keys[i]])
				}
			}
		})
	}
}

// What the tab key does at a terminal: the tools print what they were called
// with.
func TestTabKey(t *testing.T) {
	lines := [][2]string{
		{"nixvf-boot --dry\t", "--dry-run"},
		{"nixvf-boot --vmm q\t", "--vmm qemu"},
		{"nixvf-boot --vmm=q\t", "--vmm=qemu"},
		{"nixvf-boot sto\tvm\t", "stop vm-1"},
		{"nixvf-boot hand-over vm\tsomew\tinn\t", "hand-over vm-1 somewhere/inner"},
		{"nixvf-args --share x=somew\t", "--share x=somewhere"},
		{"nixvf-args --share somew\t", "--share somewhere"},
		{"nixvf-args --console pt\t", "--console pty"},
		{"nixvf-disk somew\t", "somewhere"},
		{"nixvf sto\tvm\t", "stop vm-1"},
		{"nixvf somew\t", "somewhere"},
		{"nixvf switch somew\t", "switch somewhere"},
		{"nixvf switch .#vm --dry\t", "switch .#vm --dry-run"},
		{"nixvf .#vm --console pt\t", ".#vm --console pty"},
		{"nixvf .#vm --share x=somew\t", ".#vm --share x=somewhere"},
	}
	for shell, args := range map[string][]string{
		"bash": {"--norc", "--noprofile", "-i"},
		"zsh":  {"-f", "-i"},
		"fish": {"-N", "-i"},
	} {
		t.Run(shell, func(t *testing.T) {
			dir, env := completions(t, shell)
			answers := recorders(t, dir)
			cmd := exec.Command(shell, args...)
			cmd.Env, cmd.Dir = append(env, "PATH="+dir+"/bin:"+os.Getenv("PATH"), "PS1=> "), dir
			terminal, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 40, Cols: 200})
			if err != nil {
				t.Fatal(err)
			}
			var seen strings.Builder
			done := make(chan struct{})
			go func() {
				defer close(done)
				io.Copy(&seen, terminal)
			}()
			defer func() {
				cmd.Process.Kill()
				cmd.Wait()
				terminal.Close()
				<-done
				if t.Failed() {
					t.Logf("%s", &seen)
				}
			}()
			begin := "for f in nixvf*; do . ./$f; done; nixvf-boot ready\n"
			switch shell {
			case "zsh":
				begin = "autoload -U compinit; compinit -D -u; " + begin
			case "fish":
				begin = "for f in nixvf*; source $f; end; nixvf-boot ready\n"
			}
			for _, l := range append([][2]string{{begin, "ready"}}, lines...) {
				fmt.Fprint(terminal, strings.TrimSuffix(l[0], "\n")+"\n")
				got, err := answers.ReadString('\n')
				if got = strings.TrimRight(got, "/\n"); got != l[1] { // zsh takes the slash back
					t.Fatalf("%q: %q, want %q (%v)", l[0], got, l[1], err)
				}
			}
		})
	}
}

// recorders makes programs that have the tools' names and write how they were
// called into what is returned. Only the list of VMs is the tool's own.
func recorders(t *testing.T, dir string) *bufio.Reader {
	t.Helper()
	fifo := filepath.Join(dir, "calls")
	if out, err := exec.Command("mkfifo", fifo).CombinedOutput(); err != nil {
		t.Fatalf("%v %s", err, out)
	}
	calls, err := os.OpenFile(fifo, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { calls.Close() })
	calls.SetReadDeadline(time.Now().Add(time.Minute))
	if err := os.Mkdir(filepath.Join(dir, "bin"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, tool := range append([]string{"nixvf"}, tools...) {
		script := "#!/bin/sh\n[ \"$1\" != list ] || exec " + filepath.Join(bin, tool) + " \"$@\"\necho \"$@\" >" + fifo + "\n"
		if err := os.WriteFile(filepath.Join(dir, "bin", tool), []byte(script), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	return bufio.NewReader(calls)
}
