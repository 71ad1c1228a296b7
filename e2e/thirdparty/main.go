// Command kasse is an insurer's own build of Schleuse: the steps that come
// with it, and one of their own.
package main

import (
	"github.com/schleuse/schleuse/extensions/csv"
	"github.com/schleuse/schleuse/extensions/egk"
	"github.com/schleuse/schleuse/extensions/kvnr"
	"github.com/schleuse/schleuse/sidecar/command"

	"kasse.example/schleuse/birthyear"
)

func main() {
	command.Main(csv.Factory(), egk.Factory(), kvnr.Factory(), birthyear.Factory())
}
