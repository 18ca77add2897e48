//go:build race

package disk

// raceEnabled: go-diskfs is ten times slower under the race detector.
const raceEnabled = true
