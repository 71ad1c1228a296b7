package charts_test

import (
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// examples are the values in the chart's README, in their order: the first is
// whole, the others are laid over it.
func examples(t *testing.T) (whole, postgres, sidecar string) {
	t.Helper()
	readme, err := os.ReadFile("schleuse/README.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(string(readme), -1)
	if len(blocks) < 4 {
		t.Fatalf("the README has %d examples, want 4 or more", len(blocks))
	}
	return blocks[0][1], blocks[1][1], blocks[2][1]
}

// forms are the ways to use the chart, as values over the first example.
func forms(t *testing.T) map[string][]string {
	t.Helper()
	whole, postgres, sidecar := examples(t)
	return map[string][]string{
		"whole":    {whole},
		"postgres": {whole, postgres},
		"sidecar":  {whole, postgres, sidecar, `config: {gate: {keycloak: {url: null}}}`},
		"alone":    {whole, sidecar, `{networkPolicy: {enabled: false}, config: {gate: {keycloak: {url: null}}}}`},
		"everything": {whole, postgres, `
image: {digest: "sha256:` + strings.Repeat("ab", 32) + `"}
imagePullSecrets: [registry]
ingress: {enabled: true, className: nginx, tlsSecret: kasse-tls, annotations: {a: b}}
networkPolicy: {enabled: true, from: [{namespaceSelector: {matchLabels: {a: b}}}], metricsFrom: [{podSelector: {}}]}
files: {brand.css: ":root {}", logo.svg: "<svg/>"}
podLabels: {team: login}
podAnnotations: {prometheus.io/scrape: "true"}
nodeSelector: {a: b}
tolerations: [{key: a, operator: Exists}]
affinity: {nodeAffinity: {}}
priorityClassName: high
extraEnv: [{name: GOMEMLIMIT, value: 200MiB}]
extraVolumes: [{name: members, secret: {secretName: members}}]
extraVolumeMounts: [{name: members, mountPath: /members}]
extraArgs: [--log-level=debug]
service: {annotations: {a: b}}
serviceAccount: {annotations: {a: b}}
config:
  sites:
    webcenter: {public_url: "https://webcenter.kasse.example", upstream: "http://webcenter:8080", client: {id: webcenter, secret_file: /run/secrets/schleuse/webcenter}}
`},
	}
}

func TestTheChartIsLinted(t *testing.T) {
	for name, values := range forms(t) {
		for _, helm := range helms() {
			dir := t.TempDir()
			args := []string{"lint", "--strict", "schleuse"}
			for i, v := range values {
				file := filepath.Join(dir, string(rune('a'+i))+".yaml")
				if err := os.WriteFile(file, []byte(v), 0o600); err != nil {
					t.Fatal(err)
				}
				args = append(args, "-f", file)
			}
			if out, err := run(t, "", tool(t, helm), args...); err != nil {
				t.Errorf("%s: %v\n%s", name, err, out)
			}
		}
	}
}

func TestBothVersionsOfHelmRenderTheSame(t *testing.T) {
	for name, values := range forms(t) {
		var all []map[string]object
		for _, helm := range helms() {
			out, err := render(t, helm, "schleuse", values...)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			all = append(all, objects(t, out))
		}
		if diff := cmp.Diff(all[1], all[0]); diff != "" || len(all[0]) < 4 {
			t.Errorf("%s (-%s +%s):\n%s", name, helms()[1], helms()[0], diff)
		}
	}
}

func TestObjectsMeetKubernetesSchemas(t *testing.T) {
	validate := tool(t, "kubectl-validate-v0.0.4")
	for name, values := range forms(t) {
		out, err := render(t, helms()[0], "schleuse", values...)
		if err != nil {
			t.Fatal(err)
		}
		if err := validates(t, validate, out); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		broken := strings.Replace(out, "automountServiceAccountToken", "automountToken", 1)
		if err := validates(t, validate, broken); err == nil {
			t.Errorf("%s: an unknown field was not noticed", name)
		}
	}
}

func validates(t *testing.T, validate, rendered string) error {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "all.yaml"), []byte(rendered), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := run(t, "", validate, "--version", "1.30", dir)
	return err
}

func TestTheChartRefusesWhatCannotWork(t *testing.T) {
	whole, postgres, sidecar := examples(t)
	for name, tt := range map[string]struct {
		values []string
		want   string
	}{
		"nothing":                    {nil, "image.repository is not set"},
		"no image":                   {[]string{whole, `image: {repository: ""}`}, "build one with `make image`"},
		"no secret":                  {[]string{whole, `existingSecret: ""`}, "schleuse keys init keys.json"},
		"nothing to do":              {[]string{whole, `config: {gate: null}`}, "neither gate nor sites"},
		"no proxies":                 {[]string{whole, `config: {trusted_proxies: []}`}, "config.trusted_proxies is not set"},
		"an ingress without proxies": {[]string{whole, `{config: {trusted_proxies: [], listen: {tls: {cert_file: /a, key_file: /b}}}, ingress: {enabled: true}}`}, "ingress.enabled needs config.trusted_proxies"},
		"two pods on SQLite":         {[]string{whole, `replicas: 2`}, "SQLite, which serves one process alone"},
		"listen on loopback":         {[]string{whole, `config: {listen: {address: "127.0.0.1:8080"}}`}, "config.listen.address is on loopback"},
		"internal on loopback":       {[]string{whole, `config: {internal: "localhost:9090"}`}, "config.internal is on loopback"},
		"sidecar without image":      {[]string{whole, `mode: sidecar`}, "keycloak.image.repository"},
		"sidecar without gate":       {[]string{whole, postgres, sidecar, `config: {gate: null, sites: {a: {public_url: "https://a.example"}}}`}, "mode: sidecar needs config.gate"},
		"a cluster for everybody":    {[]string{whole, postgres, sidecar, `{networkPolicy: {enabled: false}, config: {gate: {keycloak: {url: null}}}}`}, "needs networkPolicy.enabled"},
		"sidecar elsewhere":          {[]string{whole, postgres, sidecar}, "sets config.gate.keycloak.url itself"},
		"unknown value":              {[]string{whole, `replica: 2`}, "replica"},
		"unknown nested value":       {[]string{whole, `image: {registry: a}`}, "registry"},
		"unknown mode":               {[]string{whole, `mode: daemonset`}, "mode"},
		"password in the values":     {[]string{whole, `existingSecret: {keys: a}`}, "existingSecret"},
		"tag in the repository":      {[]string{whole, `image: {repository: "registry.example/schleuse:1"}`}, "repository"},
		"no proxy network":           {[]string{whole, `config: {trusted_proxies: [10.0.0.1]}`}, "trusted_proxies"},
		"the configuration twice":    {[]string{whole, `files: {schleuse.yaml: x}`}, "schleuse.yaml"},
	} {
		t.Run(name, func(t *testing.T) {
			for i, helm := range helms() {
				if i > 0 && !strings.HasPrefix(name, "unknown") {
					continue // the words are the chart's own; the schema is Helm's
				}
				if _, err := render(t, helm, "schleuse", tt.values...); err == nil || !strings.Contains(err.Error(), tt.want) {
					t.Errorf("%s: error %v, want one with %q", helm, err, tt.want)
				}
			}
		})
	}
}

func TestWhichObjectsThereAre(t *testing.T) {
	for name, want := range map[string][]string{
		"whole":      {"ConfigMap", "Deployment", "PersistentVolumeClaim", "Service", "ServiceAccount"},
		"postgres":   {"ConfigMap", "Deployment", "PodDisruptionBudget", "Service", "ServiceAccount"},
		"sidecar":    {"ConfigMap", "Deployment", "NetworkPolicy", "PodDisruptionBudget", "Service", "ServiceAccount"},
		"alone":      {"ConfigMap", "Deployment", "PersistentVolumeClaim", "Service", "ServiceAccount"},
		"everything": {"ConfigMap", "Deployment", "Ingress", "NetworkPolicy", "PodDisruptionBudget", "Service", "ServiceAccount"},
	} {
		got := slices.Sorted(maps.Keys(objectsOf(t, name)))
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// rendered keeps what each form renders to: Helm takes a while.
var rendered sync.Map

func objectsOf(t *testing.T, form string) map[string]object {
	t.Helper()
	if known, ok := rendered.Load(form); ok {
		return objects(t, known.(string))
	}
	out, err := render(t, helms()[0], "schleuse", forms(t)[form]...)
	if err != nil {
		t.Fatal(err)
	}
	rendered.Store(form, out)
	return objects(t, out)
}

func TestSQLiteIsNeverOpenedTwice(t *testing.T) {
	whole := objectsOf(t, "whole")["Deployment"]
	if got := text(whole, "spec", "strategy", "type"); got != "Recreate" {
		t.Errorf("SQLite: strategy %q", got)
	}
	if got := text(whole, "spec", "replicas"); got != "1" {
		t.Errorf("SQLite: %s pods", got)
	}
	if got := text(objectsOf(t, "postgres")["Deployment"], "spec", "strategy", "rollingUpdate", "maxUnavailable"); got != "0" {
		t.Errorf("PostgreSQL: %q pods may be missing during an update", got)
	}
}

func TestPodsMeetTheRestrictedStandard(t *testing.T) {
	for form := range forms(t) {
		pod := at(objectsOf(t, form)["Deployment"], "spec", "template", "spec")
		if text(pod, "automountServiceAccountToken") != "false" {
			t.Errorf("%s: a token of the cluster is mounted", form)
		}
		for _, key := range []string{"hostNetwork", "hostPID", "hostIPC", "hostUsers"} {
			if at(pod, key) != nil {
				t.Errorf("%s: %s is set", form, key)
			}
		}
		for _, v := range list(pod, "volumes") {
			for kind := range v.(map[string]any) {
				if !slices.Contains([]string{"name", "configMap", "secret", "emptyDir", "persistentVolumeClaim"}, kind) {
					t.Errorf("%s: volume %s", form, kind)
				}
			}
		}
		for _, c := range list(pod, "containers") {
			restricted(t, form, c)
		}
	}
}

// restricted is the Pod Security Standard of that name, for one container.
func restricted(t *testing.T, form string, c any) {
	t.Helper()
	name := form + ", " + text(c, "name")
	sc := at(c, "securityContext")
	for key, want := range map[string]string{"runAsNonRoot": "true", "allowPrivilegeEscalation": "false", "privileged": ""} {
		if got := text(sc, key); got != want {
			t.Errorf("%s: %s is %q, want %q", name, key, got, want)
		}
	}
	if got := text(sc, "capabilities", "drop", 0); got != "ALL" || at(sc, "capabilities", "add") != nil {
		t.Errorf("%s: capabilities %v", name, at(sc, "capabilities"))
	}
	if got := text(sc, "seccompProfile", "type"); got != "RuntimeDefault" {
		t.Errorf("%s: seccomp %q", name, got)
	}
	if text(c, "name") == "schleuse" && text(sc, "readOnlyRootFilesystem") != "true" {
		t.Errorf("%s: the root file system can be written", name)
	}
	if text(sc, "runAsUser") == "" || text(sc, "runAsUser") == "0" {
		t.Errorf("%s: user %q", name, text(sc, "runAsUser"))
	}
	for _, p := range list(c, "ports") {
		if at(p, "hostPort") != nil {
			t.Errorf("%s: port of the host", name)
		}
	}
}

func TestNobodyPassesTheGateByTheSide(t *testing.T) {
	for form, cache := range map[string]string{"sidecar": "", "alone": "local"} {
		all := objectsOf(t, form)
		containers := list(all["Deployment"], "spec", "template", "spec", "containers")
		if len(containers) != 2 || text(containers[1], "name") != "keycloak" {
			t.Fatalf("%s: containers: %v", form, containers)
		}
		keycloak := containers[1]
		env := map[string]string{}
		for _, e := range list(keycloak, "env") {
			env[text(e, "name")] = text(e, "value")
		}
		for name, want := range map[string]string{
			"KC_HTTP_HOST": "127.0.0.1", "KC_HTTP_PORT": "8081", "KC_HTTP_MANAGEMENT_HOST": "127.0.0.1", "KC_HTTP_RELATIVE_PATH": "/",
			"KC_HOSTNAME": "https://login.kasse.example", "KC_PROXY_HEADERS": "xforwarded", "KC_DB": "postgres", "KC_CACHE": cache,
		} {
			if env[name] != want {
				t.Errorf("%s: %s is %q, want %q", form, name, env[name], want)
			}
		}
		if ports := list(keycloak, "ports"); len(ports) != 0 {
			t.Errorf("%s: Keycloak has ports: %v", form, ports)
		}
		for _, probe := range []string{"startupProbe", "livenessProbe", "readinessProbe"} {
			if at(keycloak, probe, "exec") == nil {
				t.Errorf("%s: Keycloak's %s does not run in the container", form, probe)
			}
		}
		if config := text(all["ConfigMap"], "data", "schleuse.yaml"); !strings.Contains(config, "url: http://127.0.0.1:8081\n") {
			t.Errorf("%s: the gate does not go to Keycloak on loopback:\n%s", form, config)
		}
	}
}

// TestTheProbeOfKeycloakWorks runs the probe's own words against a server.
func TestTheProbeOfKeycloakWorks(t *testing.T) {
	keycloak := at(objectsOf(t, "alone")["Deployment"], "spec", "template", "spec", "containers", 1)
	var command []string
	for _, c := range list(keycloak, "readinessProbe", "exec", "command") {
		command = append(command, fmt.Sprint(c))
	}
	status := http.StatusOK
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/health/ready" {
			w.WriteHeader(status)
		}
	}))
	defer server.Close()
	words := strings.Replace(command[2], "127.0.0.1/9000", strings.Replace(strings.TrimPrefix(server.URL, "http://"), ":", "/", 1), 1)
	probe := func() error { return exec.CommandContext(t.Context(), command[0], command[1], words).Run() }
	if err := probe(); err != nil {
		t.Errorf("ready, and the probe says: %v", err)
	}
	status = http.StatusServiceUnavailable
	if err := probe(); err == nil {
		t.Error("not ready, and the probe says nothing")
	}
}

func TestTheClusterIsAmongItself(t *testing.T) {
	rules := list(objectsOf(t, "sidecar")["NetworkPolicy"], "spec", "ingress")
	for _, r := range rules {
		if text(r, "ports", 0, "port") != "7800" {
			continue
		}
		if got := text(r, "from", 0, "podSelector", "matchLabels", "app.kubernetes.io/instance"); got != "kasse" || len(list(r, "from")) != 1 {
			t.Errorf("the cluster's ports are open to %v", at(r, "from"))
		}
		return
	}
	t.Errorf("no rule for the cluster's ports in %v", rules)
}

func TestTheInternalPortIsNotServed(t *testing.T) {
	for form := range forms(t) {
		for _, p := range list(objectsOf(t, form)["Service"], "spec", "ports") {
			if text(p, "targetPort") != "http" {
				t.Errorf("%s: the Service leads to %s", form, text(p, "targetPort"))
			}
		}
	}
}

func TestAChangedConfigurationReplacesThePods(t *testing.T) {
	whole, _, _ := examples(t)
	sum := func(values ...string) string {
		out, err := render(t, helms()[0], "schleuse", values...)
		if err != nil {
			t.Fatal(err)
		}
		return text(objects(t, out)["Deployment"], "spec", "template", "metadata", "annotations", "checksum/config")
	}
	first := sum(whole)
	if first == "" || sum(whole, `replicas: 0`) != first {
		t.Errorf("the checksum %q changes without need", first)
	}
	if sum(whole, `config: {brand: {name: Andere}}`) == first || sum(whole, `files: {brand.css: x}`) == first {
		t.Error("a change of the configuration or of a file leaves the checksum")
	}
}

func TestIngressLeadsEveryFace(t *testing.T) {
	ingress := objectsOf(t, "everything")["Ingress"]
	var hosts []string
	for _, r := range list(ingress, "spec", "rules") {
		hosts = append(hosts, text(r, "host"))
	}
	want := []string{"login.kasse.example", "webcenter.kasse.example"}
	if diff := cmp.Diff(want, hosts); diff != "" {
		t.Errorf("hosts (-want +got):\n%s", diff)
	}
	if got := len(list(ingress, "spec", "tls", 0, "hosts")); got != 2 {
		t.Errorf("the certificate is for %d hosts", got)
	}
}

// TestTheConfigurationIsRead lets the program itself check what the chart renders.
func TestTheConfigurationIsRead(t *testing.T) {
	for form := range forms(t) {
		config := text(objectsOf(t, form)["ConfigMap"], "data", "schleuse.yaml")
		file := filepath.Join(t.TempDir(), "schleuse.yaml")
		if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
			t.Fatal(err)
		}
		// The files that it names are not here; every line of the file itself is read.
		out, err := exec.CommandContext(t.Context(), program(t), "check", "--config", file).CombinedOutput()
		if err == nil || strings.Contains(string(out), "schleuse.yaml:") || !strings.Contains(string(out), "keys_file:") {
			t.Errorf("%s: %v\n%s\n%s", form, err, out, config)
		}
	}
}

func TestAChartOfOnesOwnIncludesTheContainer(t *testing.T) {
	parent := t.TempDir()
	if err := os.CopyFS(parent, os.DirFS("testdata/parent")); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(filepath.Join(parent, "charts", "schleuse"), os.DirFS("schleuse")); err != nil {
		t.Fatal(err)
	}
	whole, _, _ := examples(t)
	values := "schleuse:\n  mode: container\n  " + strings.ReplaceAll(strings.TrimSpace(whole), "\n", "\n  ")
	for _, helm := range helms() {
		out, err := render(t, helm, parent, values)
		if err != nil {
			t.Fatal(err)
		}
		all := objects(t, out)
		if diff := cmp.Diff([]string{"ConfigMap", "Deployment", "PersistentVolumeClaim"}, slices.Sorted(maps.Keys(all))); diff != "" {
			t.Errorf("objects (-want +got):\n%s", diff)
		}
		containers := list(all["Deployment"], "spec", "template", "spec", "containers")
		if len(containers) != 2 || text(containers[1], "name") != "schleuse" {
			t.Errorf("containers: %v", containers)
		}
		restricted(t, "parent", containers[1])
		if err := validates(t, tool(t, "kubectl-validate-v0.0.4"), out); err != nil {
			t.Error(err)
		}
	}
}
