//go:build !linux && !darwin

package disk

import "errors"

// renameExclusive is something that this system cannot do.
func renameExclusive(from, to string) error { return errors.ErrUnsupported }
