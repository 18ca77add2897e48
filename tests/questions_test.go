//go:build linux

package tests

import (
	"bytes"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// answers are what an xterm says by itself, by what it is asked (ctlseqs.html).
// The size is a wrong one: nixvf-boot's own answer is another.
var answers = map[string]string{
	"\x1b[6n":           "\x1b[5;7R",
	"\x1b[c":            "\x1b[?62;22c",
	"\x1b[>c":           "\x1b[>41;354;0c",
	"\x1b]11;?\x1b\\":   "\x1b]11;rgb:0000/0000/0000\x1b\\",
	"\x1b]4;1;?\x07":    "\x1b]4;1;rgb:cdcd/0000/0000\x07",
	"\x1b[?2026$p":      "\x1b[?2026;2$y",
	"\x1bP+q544e\x1b\\": "\x1bP1+r544e=787465726d\x1b\\",
	"\x1b[>q":           "\x1bP>|XTerm(379)\x1b\\",
	asksSize:            "\x1b[8;11;22t",
}

// answer answers the questions in what has come.
func (s *screen) answer(output []byte) {
	s.asked = append(s.asked, output...)
	for {
		first, at := "", len(s.asked)
		for question := range answers {
			if i := bytes.Index(s.asked, []byte(question)); i >= 0 && i < at {
				first, at = question, i
			}
		}
		if first == "" {
			s.asked = s.asked[max(0, len(s.asked)-16):] // longer than any question
			return
		}
		s.asked = s.asked[at+len(first):]
		time.Sleep(time.Duration(s.lag.Load()))
		_, _ = s.master.WriteString(answers[first]) // when the test has ended it fails
	}
}

// bootQuestions are what the machine's guests "asks" and "login" ask.
const bootQuestions = "\x1b[6n\x1b[c\x1b[>c\x1b]11;?\x1b\\\x1b]4;1;?\x07\x1b[?2026$p\x1bP+q544e\x1b\\\x1b[>q"

// legible is text as those guests send it back.
func legible(text string) string { return strings.Trim(strconv.Quote(text), `"`) }

// bootAnswers is what an xterm answers to bootQuestions.
var bootAnswers = legible("\x1b[5;7R\x1b[?62;22c\x1b[>41;354;0c\x1b]11;rgb:0000/0000/0000\x1b\\\x1b]4;1;rgb:cdcd/0000/0000\x07" +
	"\x1b[?2026;2$y\x1bP1+r544e=787465726d\x1b\\\x1bP>|XTerm(379)\x1b\\")

// TestTerminalAnswers: what the terminal answers while the guest boots is no
// input, and what it answers to those who use it is.
func TestTerminalAnswers(t *testing.T) {
	document, env := standInDocument(t)
	s := onScreen(t, document, append(env, "VZ_GUEST=asks"), filepath.Join(bin, "nixvf-boot"), "--vmm", "vfkit")
	s.expect("login: ")
	s.settle()
	if input := s.text(); input != legible("\x1b[8;24;80t") {
		t.Errorf("the guest got the input %q", input)
	}
	s.press("\x1b") // which is how an answer begins
	s.expect(legible("\x1b"))
	s.press("@")
	s.expect("@" + bootQuestions + bootAnswers)
	s.press("\x1d.")
	s.expect("asked to Stop\r\n")
	s.end(0)

	// In the background nobody answers, and one who comes later is not asked.
	vm, status, said := detach(t, document, append(env, "VZ_GUEST=asks"), "--vmm", "vfkit")
	if status != 0 {
		t.Fatalf("status %d, %q", status, said)
	}
	expectFile(t, vm.Console, "login: ")
	s = onScreen(t, document, env, filepath.Join(bin, "nixvf-boot"), "attach", vm.ID)
	s.pressUntil("a")
	s.press("@")
	s.expect("@" + bootQuestions + bootAnswers)
	if text := s.text(); text != "" {
		t.Errorf("and then %q", text)
	}
	vm.stop(t, env)
}

// TestTerminalAnswersAtLogin: the shell of somebody who is logged in without a
// key gets its answers.
func TestTerminalAnswersAtLogin(t *testing.T) {
	document, env := standInDocument(t)
	s := onScreen(t, document, append(env, "VZ_GUEST=login"), filepath.Join(bin, "nixvf-boot"), "--vmm", "vfkit")
	s.expect("$ ")
	s.expect("login: ")
	s.settle()
	if input := s.text(); input != bootAnswers+legible("\x1b[8;24;80t") && input != legible("\x1b[8;24;80t")+bootAnswers {
		t.Errorf("the guest got the input %q", input)
	}
	s.press("\x1d.")
	s.end(0)
}
