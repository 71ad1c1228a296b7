package stage

import (
	"archive/zip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// KeycloakVersion is the version that all rules of the gate were seen to hold on.
const KeycloakVersion = "26.7.5"

// distributionSHA256 pins org.keycloak:keycloak-quarkus-dist:26.7.5:zip.
const distributionSHA256 = "30ef87fb7101c43d29688d1ae80c0588ff4a151b3330e9f664bf9692d398658a"

const dependencyPlugin = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1"

// builtKeycloak returns a Keycloak in the cache that is optimized for the
// file database and a relative path ("" is none), and never changed again.
func (c Cache) builtKeycloak(ctx context.Context, path string) (home string, err error) {
	if err := needTool("java", "Java 17 or later (Debian: openjdk-17-jre-headless)"); err != nil {
		return "", err
	}
	own := os.Getenv("KEYCLOAK_HOME")
	name := "keycloak-" + KeycloakVersion
	if own != "" {
		if err := checkVersion(own); err != nil {
			return "", err
		}
		name += "-" + shortHash([]byte(own))
	}
	name += strings.ReplaceAll(path, "/", "-")
	home = c.path(name)
	if exists(home) {
		return home, nil
	}
	unlock, err := c.lock(ctx, name)
	if err != nil {
		return "", err
	}
	defer unlock()
	if exists(home) {
		return home, nil
	}
	work := home + ".part"
	if err := os.RemoveAll(work); err != nil {
		return "", err
	}
	if err := c.unpacked(ctx, own, work); err != nil {
		return "", err
	}
	if err := c.optimize(ctx, work, path); err != nil {
		return "", err
	}
	return home, os.Rename(work, home)
}

// unpacked fills dir with a Keycloak: a copy of the operator's own, else the
// pinned distribution from Maven.
func (c Cache) unpacked(ctx context.Context, own, dir string) error {
	if own != "" {
		return c.Progress.During("copying "+own, func() error { return os.CopyFS(dir, os.DirFS(own)) })
	}
	archive, err := c.archive(ctx)
	if err != nil {
		return err
	}
	return c.Progress.During("unpacking Keycloak", func() error { return unzip(archive, dir) })
}

// archive fetches the zip through Maven and checks it against the pin.
func (c Cache) archive(ctx context.Context) (string, error) {
	file := c.path(fmt.Sprintf("keycloak-quarkus-dist-%s.zip", KeycloakVersion))
	if checkSHA256(file, distributionSHA256) == nil {
		return file, nil
	}
	if err := needTool("mvn", "Maven (Debian: maven), or set KEYCLOAK_HOME to an unpacked Keycloak "+KeycloakVersion); err != nil {
		return "", err
	}
	err := c.Progress.During("fetching Keycloak "+KeycloakVersion+" by Maven (170 MB)", func() error {
		cmd := exec.CommandContext(ctx, "mvn", "-B", "-q", "-C", dependencyPlugin+":copy",
			"-Dartifact=org.keycloak:keycloak-quarkus-dist:"+KeycloakVersion+":zip",
			"-DoutputDirectory="+c.Dir)
		cmd.Dir = c.Dir
		out, err := cmd.CombinedOutput()
		if err != nil {
			return fmt.Errorf("mvn: %w\n%s", err, lastLines(string(out), 15))
		}
		return nil
	})
	if err != nil {
		return "", err
	}
	return file, checkSHA256(file, distributionSHA256)
}

// optimize does once what Keycloak would else do at every start.
func (c Cache) optimize(ctx context.Context, home, path string) error {
	arguments := []string{"build", "--db=dev-file", "--health-enabled=true"}
	if path != "" {
		arguments = append(arguments, "--http-relative-path="+path, "--http-management-relative-path=/")
	}
	return c.Progress.During("optimizing Keycloak (once, about half a minute)", func() error {
		cmd := exec.CommandContext(ctx, filepath.Join(home, "bin", "kc.sh"), arguments...)
		out, err := cmd.CombinedOutput()
		if err != nil {
			return fmt.Errorf("kc.sh build: %w\n%s", err, lastLines(string(out), 15))
		}
		return nil
	})
}

func checkVersion(home string) error {
	text, err := os.ReadFile(filepath.Join(home, "version.txt"))
	if err != nil {
		return fmt.Errorf("KEYCLOAK_HOME=%s is no unpacked Keycloak: %w", home, err)
	}
	if !strings.Contains(string(text), KeycloakVersion) {
		return fmt.Errorf("KEYCLOAK_HOME=%s holds %q, want version %s", home, strings.TrimSpace(string(text)), KeycloakVersion)
	}
	return nil
}

func checkSHA256(file, want string) error {
	in, err := os.Open(file)
	if err != nil {
		return err
	}
	defer in.Close()
	hash := sha256.New()
	if _, err := io.Copy(hash, in); err != nil {
		return err
	}
	if got := hex.EncodeToString(hash.Sum(nil)); got != want {
		return fmt.Errorf("%s has SHA-256 %s, want %s: delete it and try again", file, got, want)
	}
	return nil
}

// unzip unpacks an archive with a single top folder into dir, without that folder.
func unzip(archive, dir string) error {
	reader, err := zip.OpenReader(archive)
	if err != nil {
		return err
	}
	defer reader.Close()
	for _, entry := range reader.File {
		_, name, _ := strings.Cut(entry.Name, "/")
		if name == "" {
			continue
		}
		if !filepath.IsLocal(name) {
			return fmt.Errorf("%s: entry %q leads outside", archive, entry.Name)
		}
		if err := unzipEntry(entry, filepath.Join(dir, name)); err != nil {
			return fmt.Errorf("%s: %w", entry.Name, err)
		}
	}
	return nil
}

func unzipEntry(entry *zip.File, target string) error {
	if entry.FileInfo().IsDir() {
		return os.MkdirAll(target, 0o755)
	}
	if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
		return err
	}
	in, err := entry.Open()
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(target, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o644|entry.Mode().Perm()&0o111)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

func needTool(name, hint string) error {
	if _, err := exec.LookPath(name); err != nil {
		return fmt.Errorf("%s is missing, please install %s", name, hint)
	}
	return nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return !errors.Is(err, fs.ErrNotExist)
}

func shortHash(parts ...[]byte) string {
	hash := sha256.New()
	for _, part := range parts {
		fmt.Fprintf(hash, "%d:", len(part))
		hash.Write(part)
	}
	return hex.EncodeToString(hash.Sum(nil))[:16]
}

func lastLines(text string, n int) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
