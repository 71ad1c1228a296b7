package stage

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// Root finds the project's folder from the working directory upwards.
func Root() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if exists(filepath.Join(dir, "config", "realm", "kasse-realm.json")) {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errors.New("not inside the project: no config/realm/kasse-realm.json above the working directory")
		}
		dir = parent
	}
}

// inRoot is the path of a file of the project.
func inRoot(elements ...string) (string, error) {
	root, err := Root()
	if err != nil {
		return "", err
	}
	path := filepath.Join(append([]string{root}, elements...)...)
	if !exists(path) {
		return "", fmt.Errorf("%s is missing in the tree", path)
	}
	return path, nil
}
