package command

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/schleuse/schleuse/sidecar/extension"
	"github.com/schleuse/schleuse/sidecar/internal/config"
	"github.com/schleuse/schleuse/sidecar/internal/config/strictyaml"
	"github.com/schleuse/schleuse/sidecar/internal/proxy"
	"github.com/schleuse/schleuse/sidecar/internal/server"
)

// configured holds the flag --config.
type configured struct{ file string }

func (cf *configured) flag(c *cobra.Command) {
	c.Flags().StringVarP(&cf.file, "config", "c", "schleuse.yaml", "configuration file")
}

// load reads the configuration and lets everybody check their own part of it.
// All that is wrong comes back at once.
func (cf *configured) load(factories []extension.Factory) (*config.Config, error) {
	cfg, err := config.Load(cf.file)
	var problems strictyaml.Problems
	if err != nil && !errors.As(err, &problems) || cfg == nil {
		return nil, err
	}
	cfg.EachExtension(func(_ string, e config.Extension) {
		var own strictyaml.Problems
		if errors.As(checkExtension(e, factories), &own) {
			problems = append(problems, own...)
		}
	})
	for _, name := range slices.Sorted(maps.Keys(cfg.Sites)) {
		if _, err := proxy.ParseHeaders(cfg.Sites[name].Headers); err != nil {
			problems = append(problems, cfg.Problem(err, "see headers in config/README.md", "sites", name, "headers"))
		}
	}
	problems = append(problems, misplaced(cfg, factories, problems)...)
	problems.Sort()
	if err := problems.Err(); err != nil {
		return nil, err
	}
	return cfg, nil
}

// misplaced finds steps that stand where they would ask for nothing, or
// somebody of whom nothing is known.
func misplaced(cfg *config.Config, factories []extension.Factory, known strictyaml.Problems) strictyaml.Problems {
	told := func(p strictyaml.Problem) bool {
		return strings.HasPrefix(p.Path, "gate.flows") || strings.HasPrefix(p.Path, "extensions")
	}
	if cfg.Gate == nil || slices.ContainsFunc(known, told) {
		return nil
	}
	_, err := cfg.Plans(server.StandIn(factories))
	var problems strictyaml.Problems
	errors.As(err, &problems)
	return problems
}

// checkExtension returns what is wrong as Problems, or nil.
func checkExtension(e config.Extension, factories []extension.Factory) error {
	if e.Kind == "" {
		return nil // told already
	}
	i := slices.IndexFunc(factories, func(f extension.Factory) bool { return f.Kind == e.Kind })
	if i >= 0 {
		return e.Problem(factories[i].Check(e.Decode))
	}
	kinds := make([]string, len(factories))
	for j, f := range factories {
		kinds[j] = f.Kind
	}
	hint := "this program has " + strings.Join(kinds, ", ")
	if near := strictyaml.Nearest(e.Kind, kinds); near != "" {
		hint = fmt.Sprintf("did you mean %q?", near)
	}
	return e.Unknown(hint)
}
