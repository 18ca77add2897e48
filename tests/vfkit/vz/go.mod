// A stand-in for Code-Hex/vz, whose path it needs: tests/vfkit/build puts it in
// that one's place under vfkit. No other module requires it.
module github.com/Code-Hex/vz/v3

go 1.25.0
