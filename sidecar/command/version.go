package command

import (
	"fmt"
	"runtime/debug"

	"github.com/spf13/cobra"
)

func (p program) version() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Print what this program was built from", Args: exactly(0),
		RunE: func(*cobra.Command, []string) error {
			info, ok := debug.ReadBuildInfo()
			if !ok {
				return fmt.Errorf("this program was built without build information")
			}
			fmt.Fprintf(p.out, "schleuse %s\n", info.Main.Version)
			fmt.Fprintf(p.out, "go       %s\n", info.GoVersion)
			for _, s := range info.Settings {
				if s.Key == "vcs.revision" || s.Key == "vcs.time" || s.Key == "vcs.modified" {
					fmt.Fprintf(p.out, "%-8s %s\n", s.Key[4:], s.Value)
				}
			}
			for _, f := range p.factories {
				fmt.Fprintf(p.out, "kind     %s\n", f.Kind)
			}
			return nil
		},
	}
}
