package vfkit

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/nixvf/nixvf/pkg/bootdoc"
)

// MaxCmdline is the longest command line that kernels keep whole, in
// bytes: COMMAND_LINE_SIZE is 2048 on arm64 and x86, with the NUL at the end.
const MaxCmdline = 2047

// hvc0 makes the guest's first virtio console, which is vfkit's serial port,
// the kernel's console.
const hvc0 = "console=hvc0"

// kernelCommandLine returns the kernel's parameters: the document's, init= and
// regInfo=, those of the environment, and those of the flags.
func (b *builder) kernelCommandLine() string {
	params, more := slices.Clone(b.boot.KernelParams), b.moreParams()
	if last := lastConsole(more); last == "" && !isHvc0(lastConsole(params)) {
		params = append(params, hvc0)
	} else if last != "" && !slices.ContainsFunc(words(slices.Concat(params, more)), isHvc0) && !b.graphics() {
		b.warn("the kernel parameter %s is missing: the VM's console will stay empty", hvc0)
	}
	params = append(params, b.param("init", b.boot.Init))
	if b.boot.RegInfo != "" {
		params = append(params, b.param("regInfo", b.boot.RegInfo))
	}
	if b.storeIsImage() && b.boot.Virtualisation.Store != bootdoc.StoreImage {
		params = append(params, "nixvf.store=image") // the system is made for the share, and stage 1 goes by this
	}
	params = append(params, b.mounts()...)
	line := strings.Join(append(params, more...), " ")
	if len(line) > MaxCmdline {
		b.fail(fmt.Errorf("kernel-params: the kernel's command line is %d bytes long, which is more than %d",
			len(line), MaxCmdline))
	}
	return line
}

// lastConsole returns the parameter that names the kernel's console, which is
// /dev/console to the guest: the last of its kind.
func lastConsole(params []string) (last string) {
	for _, word := range words(params) {
		if strings.HasPrefix(word, "console=") {
			last = word
		}
	}
	return last
}

// words splits what may be several parameters in one string.
func words(params []string) []string { return strings.Fields(strings.Join(params, " ")) }

// isHvc0 reports whether a parameter makes hvc0 a console, with or without options.
func isHvc0(param string) bool { return param == hvc0 || strings.HasPrefix(param, hvc0+",") }

// moreParams returns the parameters of the environment, those of run-nixos-vm
// first, and of the flags.
func (b *builder) moreParams() (params []string) {
	for _, name := range []string{"QEMU_KERNEL_PARAMS", "NIXVF_KERNEL_PARAMS"} {
		if value := strings.TrimSpace(b.Host.Env(name)); value != "" {
			b.fail(field(name, checkOneLine(value)))
			params = append(params, value)
		}
	}
	for _, value := range b.KernelParams {
		b.fail(field("--kernel-param", checkOneLine(value)))
		params = append(params, value)
	}
	return params
}

// param returns one parameter whose value is a path.
func (b *builder) param(key, path string) string {
	if strings.ContainsAny(path, " \"") {
		b.fail(fmt.Errorf("%s: %q contains a space or a quote, which the kernel's command line cannot contain", key, path))
	}
	return key + "=" + path
}

// checkOneLine returns an error for text that is no part of a command line.
func checkOneLine(text string) error {
	if !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl) {
		return fmt.Errorf("%q is not one line of text", text)
	}
	return nil
}
