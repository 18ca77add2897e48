package child

// openFilesWanted returns the limits to try, best first.
func openFilesWanted(hard uint64) []uint64 { return []uint64{hard} }
