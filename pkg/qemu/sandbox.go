package qemu

// Sandbox returns the arguments that keep QEMU, and a guest that has got hold of
// it, from system calls that it does not need (seccomp(2)): outdated ones, those
// that gain privileges, start programs, or change limits. A window's libraries
// need some of the last two.
func Sandbox(window bool) []string {
	const on = "on,obsolete=deny,elevateprivileges=deny"
	if window {
		return []string{"-sandbox", on}
	}
	return []string{"-sandbox", on + ",spawn=deny,resourcecontrol=deny"}
}
