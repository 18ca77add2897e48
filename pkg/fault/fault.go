// Package fault adds to errors what a command line needs: a hint that tells the
// user what to do next, and an exit status other than 1.
//
// It has no messages of its own and prints nothing; package cli reads the hints
// and statuses when the command ends. It imports nothing of nixvf.
package fault

import (
	"errors"
	"fmt"
)

// hinted is an error with a line of advice.
type hinted struct {
	error
	hint string
}

func (h hinted) Unwrap() error { return h.error }

// Hint returns err with a line of advice for the user. A nil err stays nil.
func Hint(err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	return hinted{err, fmt.Sprintf(format, args...)}
}

// Hints returns the advice attached to err and to everything that it wraps or
// joins, outermost first.
func Hints(err error) []string {
	var hints []string
	walk(err, func(e error) {
		if h, ok := e.(hinted); ok {
			hints = append(hints, h.hint)
		}
	})
	return hints
}

// status is an exit status, with the error that it stands for, if any.
type status struct {
	err  error
	code int
}

func (s status) Unwrap() error { return s.err }

func (s status) Error() string {
	if s.err == nil {
		return fmt.Sprintf("exit status %d", s.code)
	}
	return s.err.Error()
}

// Exit returns err with the exit status that the process ends with. A
// nil err stays nil.
func Exit(err error, code int) error {
	if err == nil {
		return nil
	}
	return status{err, code}
}

// Status returns an error that ends the process with code and says nothing;
// nil for code 0.
func Status(code int) error {
	if code == 0 {
		return nil
	}
	return status{nil, code}
}

// Usage returns err as wrong usage of a command: exit status 2.
func Usage(err error) error { return Exit(err, 2) }

// Code returns the exit status for err: 0 for nil, what [Exit] attached, else 1.
func Code(err error) int {
	if err == nil {
		return 0
	}
	var s status
	if errors.As(err, &s) {
		return s.code
	}
	return 1
}

// Lines returns the messages of err: one for each error that was joined with
// [errors.Join], in order.
func Lines(err error) []string {
	switch e := err.(type) {
	case nil:
		return nil
	case interface{ Unwrap() []error }:
		var lines []string
		for _, sub := range e.Unwrap() {
			lines = append(lines, Lines(sub)...)
		}
		return lines
	case hinted:
		return Lines(e.error)
	case status:
		return Lines(e.err)
	}
	return []string{err.Error()}
}

// Each puts what in front of each error that err joins, or of err itself. A nil
// err stays nil.
func Each(what string, err error) error {
	if err == nil {
		return nil
	}
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return fmt.Errorf("%s: %w", what, err)
	}
	var errs []error
	for _, e := range joined.Unwrap() {
		errs = append(errs, Each(what, e))
	}
	return errors.Join(errs...)
}

func walk(err error, visit func(error)) {
	if err == nil {
		return
	}
	visit(err)
	switch e := err.(type) {
	case interface{ Unwrap() error }:
		walk(e.Unwrap(), visit)
	case interface{ Unwrap() []error }:
		for _, sub := range e.Unwrap() {
			walk(sub, visit)
		}
	}
}
