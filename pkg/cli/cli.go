// Package cli is what the four commands share: flag parsing, exit statuses, error
// lines, the document on stdin and the all-or-nothing stdout.
//
// The rules: stdout carries the document and nothing else, written once, after
// success. Messages go to stderr, one per line, with the command's name in front.
// Status 0 is success, 1 failure, 2 wrong usage, and 128+N means signal N. Only
// cmd/ imports this package.
package cli

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"reflect"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"
	"unicode"

	"github.com/alecthomas/kong"
	"golang.org/x/sys/unix"
	"golang.org/x/term"

	"github.com/nixvf/nixvf/pkg/fault"
	"github.com/nixvf/nixvf/pkg/strictjson"
)

// version is nixvf's version, set by the linker in packaged builds.
var version = ""

// Tool is a running command: its name and its streams.
type Tool struct {
	Name   string
	Stdin  *os.File
	Stdout io.Writer
	Stderr io.Writer
	// Rest holds the arguments behind "--".
	Rest []string
	// Command is the name of the command that was given, or of the one that is
	// meant without, in a grammar that has commands.
	Command string

	out      []byte
	progress progress
}

// Common holds the flags that every command has; embed it in the grammar.
type Common struct {
	Verbose bool             `short:"v" help:"Say more on stderr."`
	Version kong.VersionFlag `help:"Print the version."`

	Generate generate `hidden:"" enum:",man,bash,zsh,fish" default:""`
}

// Main runs a command and ends the process. grammar is a pointer to kong's
// struct of flags; about is the help text above the flags; run does the work.
// The context ends with SIGINT, SIGTERM or SIGHUP.
func Main(name, about string, grammar any, run func(context.Context, *Tool) error) {
	t := &Tool{Name: name, Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr}
	os.Exit(t.main(about, grammar, os.Args[1:], run))
}

func (t *Tool) main(about string, grammar any, args []string, run func(context.Context, *Tool) error) int {
	if i := slices.Index(args, "--"); i >= 0 {
		args, t.Rest = args[:i], args[i+1:]
	}
	done, err := t.parse(about, grammar, args)
	if err != nil {
		err = fault.Usage(fault.Hint(err, "%s --help shows how it is used", t.Name))
	}
	if err == nil && !done {
		ctx, stop := untilSignal()
		err = run(ctx, t)
		stop()
	}
	if errors.Is(err, errUnread) {
		return 128 + int(syscall.SIGPIPE)
	}
	if err == nil && len(t.out) > 0 {
		_, err = t.Stdout.Write(t.out)
		if errors.Is(err, syscall.EPIPE) { // nobody reads any more, as in "| head"
			return 128 + int(syscall.SIGPIPE)
		}
	}
	t.report(err)
	return fault.Code(err)
}

// parse fills grammar from args. done means that help or version were asked
// for and printed.
func (t *Tool) parse(about string, grammar any, args []string) (done bool, err error) {
	parser, err := kong.New(grammar,
		kong.Name(t.Name), kong.Description(about), kong.Writers(t.Stdout, t.Stderr),
		kong.ConfigureHelp(kong.HelpOptions{WrapUpperBound: 100}),
		kong.Vars{"version": t.Name + " " + buildVersion()},
		kong.Exit(func(int) { done = true }))
	if err != nil {
		return false, err
	}
	given, err := parser.Parse(args)
	switch {
	case done:
		return true, nil
	case err != nil:
		return false, err
	}
	t.Command, _, _ = strings.Cut(given.Command(), " ")
	return false, checkValues(given)
}

// checkValues returns an error for a flag or an argument with an empty value, which comes
// from a variable that is not set and is not what the user means.
func checkValues(given *kong.Context) error {
	for _, p := range given.Path {
		switch {
		case p.Flag != nil && isEmpty(p.Flag.Target):
			return fmt.Errorf("--%s: its value is empty", p.Flag.Name)
		case p.Positional != nil && isEmpty(p.Positional.Target):
			return fmt.Errorf("%s: it is empty", strings.ToUpper(p.Positional.Name))
		}
	}
	return nil
}

// isEmpty reports whether a flag's value is an empty text, or has one.
func isEmpty(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Pointer:
		return !v.IsNil() && isEmpty(v.Elem())
	case reflect.Slice:
		return v.Len() > 0 && isEmpty(v.Index(v.Len()-1))
	}
	return v.Kind() == reflect.String && v.Len() == 0
}

// buildVersion is the linker's version, or what Go knows of the build.
func buildVersion() string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(unknown)"
}

// interrupted is the cause of a context that a signal ended.
type interrupted struct{ syscall.Signal }

func (i interrupted) Error() string { return "interrupted by " + unix.SignalName(i.Signal) }

// NoRest refuses arguments behind "--", for a command that has no use for them.
func (t *Tool) NoRest() error {
	if len(t.Rest) == 0 {
		return nil
	}
	err := fmt.Errorf("arguments after -- have no meaning here: %q", t.Rest)
	return fault.Usage(fault.Hint(err, "%s --help shows how it is used", t.Name))
}

// untilSignal returns a context that the first INT, TERM, HUP or QUIT ends. From
// then on signals have their default effect again, so that a second one ends
// the process at once.
func untilSignal() (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(context.Background())
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT)
	go func() {
		select {
		case s := <-signals:
			signal.Stop(signals)
			number := s.(syscall.Signal)
			cancel(fault.Exit(interrupted{number}, 128+int(number)))
		case <-ctx.Done():
		}
	}()
	return ctx, func() {
		signal.Stop(signals)
		cancel(nil)
	}
}

// Document reads the document on stdin to its end. A terminal there is wrong
// usage; nothing at all means that the stage before failed. It gives up when
// stdout is closed.
func (t *Tool) Document(ctx context.Context, what string) ([]byte, error) {
	if term.IsTerminal(int(t.Stdin.Fd())) {
		err := fmt.Errorf("stdin is a terminal, but a %s is expected on it", what)
		return nil, fault.Usage(fault.Hint(err, "%s --help shows how it is used", t.Name))
	}
	type result struct {
		data []byte
		err  error
	}
	ctx, stop := t.WhileRead(ctx)
	defer stop()
	read := make(chan result, 1)
	go func() {
		data, err := io.ReadAll(io.LimitReader(t.Stdin, strictjson.MaxSize+1))
		read <- result{data, err}
	}()
	select {
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	case r := <-read:
		if r.err == nil && len(bytes.TrimSpace(r.data)) == 0 {
			r.err = errors.New("nothing on stdin: the stage before this one failed or printed nothing")
		}
		return r.data, r.err
	}
}

// Confirm asks the user at the terminal, who says yes with "y" or "yes". Without
// a terminal it is wrong usage, which the flag mends.
func (t *Tool) Confirm(ctx context.Context, question, flag string) (bool, error) {
	if !term.IsTerminal(int(t.Stdin.Fd())) {
		return false, fault.Usage(fmt.Errorf("cannot ask, because stdin is not a terminal: %s? (%s answers yes)", question, flag))
	}
	fmt.Fprintf(t.Stderr, "%s: %s? [y/N] ", t.Name, safe(question))
	in, answer := bufio.NewReader(t.Stdin), make(chan string, 1)
	go func() {
		line, _ := in.ReadString('\n') // what cannot be read is no "yes"
		answer <- strings.ToLower(strings.TrimSpace(line))
	}()
	select {
	case <-ctx.Done():
		fmt.Fprintln(t.Stderr)
		return false, context.Cause(ctx)
	case a := <-answer:
		return a == "y" || a == "yes", nil
	}
}

// Print keeps data for stdout; it is written when the command succeeds.
func (t *Tool) Print(data []byte) { t.out = append(t.out, data...) }

// Warn writes a line of warning to stderr.
func (t *Tool) Warn(format string, args ...any) { t.line("warning: " + fmt.Sprintf(format, args...)) }

// Say writes a line to stderr.
func (t *Tool) Say(format string, args ...any) { t.line(fmt.Sprintf(format, args...)) }

// linesMost bounds the lines of one error, whatever it is about.
const linesMost = 100

func (t *Tool) report(err error) {
	lines := fault.Lines(err)
	for _, l := range lines[:min(len(lines), linesMost)] {
		t.line(l)
	}
	if more := len(lines) - linesMost; more > 0 {
		t.line(fmt.Sprintf("and %d errors more", more))
	}
	for _, h := range fault.Hints(err) {
		t.line("hint: " + h)
	}
}

// line writes one line.
func (t *Tool) line(text string) { fmt.Fprintf(t.Stderr, "%s: %s\n", t.Name, safe(text)) }

// safe returns the text as one line, whatever it holds: a document could carry
// terminal escapes.
func safe(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return ' '
		case unicode.IsControl(r):
			return '?'
		}
		return r
	}, strings.TrimSpace(text))
}
