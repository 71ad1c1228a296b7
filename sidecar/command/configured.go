package command

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/schleuse/schleuse/sidecar/extension"
	"github.com/schleuse/schleuse/sidecar/flow"
	"github.com/schleuse/schleuse/sidecar/internal/config"
	"github.com/schleuse/schleuse/sidecar/internal/config/strictyaml"
	"github.com/schleuse/schleuse/sidecar/internal/proxy"
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
	cfg.EachExtension(func(e config.Extension) {
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
	problems = append(problems, misplaced(cfg, factories)...)
	problems.Sort()
	if err := problems.Err(); err != nil {
		return nil, err
	}
	return cfg, nil
}

// misplaced finds steps on the wrong side of Keycloak's own login.
func misplaced(cfg *config.Config, factories []extension.Factory) (out strictyaml.Problems) {
	if cfg.Gate == nil {
		return nil
	}
	place, wrong := flow.InFront, "stands only behind keycloak: in front of it nobody is known"
	for i, entry := range cfg.Gate.Flows.Login {
		for _, name := range entry.Any {
			if flow.StepName(name) == flow.Keycloak {
				place, wrong = flow.Behind, "stands only in front of keycloak: it proves nothing about a person"
				continue
			}
			f := slices.IndexFunc(factories, func(f extension.Factory) bool { return f.Kind == cfg.Extensions[name].Kind })
			if f >= 0 && factories[f].Place != place {
				err := fmt.Errorf("a step of kind %s %s", factories[f].Kind, wrong)
				out = append(out, cfg.Problem(err, "such as [kvnr, keycloak, {any: [egk]}]", "gate", "flows", "login", strconv.Itoa(i)))
			}
		}
	}
	return out
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
