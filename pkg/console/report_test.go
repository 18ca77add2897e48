package console

import (
	"bytes"
	"strings"
	"testing"
)

func TestReports(t *testing.T) {
	dropped := []string{
		"\x1b[24;80R", "\x1b[?24;80R", "\x1b[1;1R", // cursor
		"\x1b[?62;22c", "\x1b[?6c", "\x1b[>41;354;0c", // attributes
		"\x1b[0n", "\x1b[?13n", // status
		"\x1b[?2026;2$y", "\x1b[4;1$y", // modes
		"\x1b[8;24;80t", "\x1b[4;600;800t", "\x1b[1t", // window
		"\x1b[?0u", "\x1b[>4;2m", "\x1b[?1;0;256S", // keyboard, modifiers, graphics
		"\x1b]11;rgb:0000/0000/0000\x07", "\x1b]10;rgb:ffff/ffff/ffff\x1b\\", "\x1b]4;1;rgb:cdcd/0000/0000\x1b\\", "\x1b]lxterm\x1b\\",
		"\x1bP1+r544e=787465726d\x1b\\", "\x1bP0+r\x1b\\", "\x1bP1$r0m\x1b\\", "\x1bP>|XTerm(379)\x1b\\", "\x1bP!|00000000\x1b\\",
		"\x1b_Gi=31;OK\x1b\\",
	}
	kept := []string{
		"ls\r", "\x1b", "\x1b\x1b", "\x1b[A", "\x1b[1;5C", "\x1bOA", "\x1b[3~", "\x1b[15;2~", // keys
		"\x1bOR", "\x1b[R", "\x1b[13R", // F3
		"\x1b[200~\x1b[<x\r\x1b[201~", "\x1b[<0;10;20M", "\x1b[M !!", // paste, mouse
		"\x1b[I", "\x1b[97;5u", "\x1b[1;1:3A", // focus, kitty's keys
		"\x1b]x", "\x1bPx", "\x1b_x", "\x1bx", // alt
		"\x1b]\r", "\x1b]1\r", "\x1b[?1;2x", "\x1b[24;80\rR", "\x1b[\x1b[A", "ä", "\x1b]11;\x1bx",
	}
	for _, key := range kept {
		var r reports
		if got := append(r.drop([]byte(key)), r.release()...); string(got) != key {
			t.Errorf("of the key %q %q is left", key, got)
		}
	}
	for _, text := range dropped {
		var r reports
		if got := append(r.drop([]byte("a"+text+"b"+text)), r.release()...); string(got) != "ab" {
			t.Errorf("with the report %q, ab is %q", text, got)
		}
		for i := range len(text) {
			if got := r.drop([]byte(text[i : i+1])); len(got) > 0 {
				t.Errorf("byte for byte, the report %q leaves %q", text, got)
			}
		}
		if got := r.release(); len(got) > 0 {
			t.Errorf("the report %q leaves %q", text, got)
		}
	}
	var r reports
	endless := "\x1b]11;" + strings.Repeat("x", longestReport)
	if got := r.drop([]byte(endless)); string(got) != endless {
		t.Errorf("of what never ends %d of %d bytes are kept", len(got), len(endless))
	}
}

func FuzzReports(f *testing.F) {
	f.Add([]byte("a\x1b[24;80Rb\x1b]11;rgb:0/0/0\x07\x1b[A"), 3)
	f.Add([]byte("\x1bP1+r544e=78\x1b\\\x1b"), 16)
	f.Fuzz(func(t *testing.T, input []byte, cut int) {
		if len(input) > longestReport/2 {
			return // where it is cut then matters
		}
		cut = min(max(cut, 0), len(input))
		var whole, pieces reports
		want := append(whole.drop(bytes.Clone(input)), whole.release()...)
		got := append(pieces.drop(bytes.Clone(input[:cut])), pieces.drop(bytes.Clone(input[cut:]))...)
		got = append(got, pieces.release()...)
		if !bytes.Equal(got, want) {
			t.Errorf("cut at %d, %q gives %q instead of %q", cut, input, got, want)
		}
		if !bytes.Contains(input, []byte{esc}) && !bytes.Equal(got, input) {
			t.Errorf("%q, which holds no escape, becomes %q", input, got)
		}
		if n := bytes.Count(input, []byte("\r")); bytes.Count(got, []byte("\r")) != n {
			t.Errorf("a key of %q is lost: %q", input, got)
		}
	})
}
