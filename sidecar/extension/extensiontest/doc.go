// Package extensiontest is the suite that every extension passes (Run), and a
// Host whose ports are stateful fakes in memory (NewStage), for an extension's
// own tests. It must not be used outside of tests.
package extensiontest
