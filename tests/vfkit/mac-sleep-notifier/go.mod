// A stand-in for that module, which tests/vfkit/build puts in its place under
// vfkit.
module github.com/prashantgupta24/mac-sleep-notifier

go 1.25.0
