package vfkit

import "testing"

func TestFailure(t *testing.T) {
	const usage = "\nUsage:\n  vfkit [flags]\n\nFlags:\n  -c, --cpus uint               number of virtual CPUs (default 1)\n\n"
	tests := []struct{ name, log, want string }{
		{"cobra's", "Error: rosetta is not installed" + usage + "rosetta is not installed\n", "rosetta is not installed"},
		{"of two lines", "Error: a\nb" + usage + "a\nb\n", "a\nb"},
		{"after a log", "time=\"2026-11-26T18:40:58Z\" level=info msg=\"Error: x\"\nError: b" + usage + "b\n", "b"},
		{"logrus's", "time=\"t\" level=error msg=first\ntime=\"t\" level=fatal msg=\"listen unix /a \\\"b\\\": bind: no such file or directory\"\n",
			`listen unix /a "b": bind: no such file or directory`},
		{"a panic", "time=\"t\" level=error msg=\"x\"\npanic: runtime error: index out of range [1] with length 1\n\ngoroutine 1 [running]:\nmain.main()\n\t/x.go:1\n",
			"panic: runtime error: index out of range [1] with length 1"},
		{"a panic with a signal", "panic: nil\n[signal SIGSEGV: segmentation violation]\n\ngoroutine 1 [running]:\n", "panic: nil\n[signal SIGSEGV: segmentation violation]"},
		{"of the runtime", "fatal error: out of memory\n\nruntime stack:\n", "fatal error: out of memory"},
		{"nothing", "", ""},
		{"something else", "words\n", ""},
		{"an error without usage", "Error: x\n", ""},
	}
	for _, tt := range tests {
		if got := Failure(tt.log); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestAdvice(t *testing.T) {
	if Advice("rosetta is not installed") == "" || Advice("something new") != "" {
		t.Error("advice for what is not known, or none for what is")
	}
}
