// Package accounttest is a realm in memory behind the ports of package
// account, for tests. It keeps state, can be broken call by call, and refuses
// exempt accounts as the real adapter does.
package accounttest
