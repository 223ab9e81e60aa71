// Package folder opens a folder for writing.
package folder

import "os"

// The lock file protects against two writers that open one folder. A lock of a process that is gone is taken over by the next one.
const lockName = "LOCK"

// Open makes the folder where it is missing, and opens its lock.
func Open(path string) (*os.File, error) {
	// The mode lets other users read nothing, for names of files tell enough.
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, err
	}
	return os.OpenFile(path+"/"+lockName, os.O_CREATE|os.O_RDWR, 0o600)
}
