// Package ident owns what an identification says and whether it fits a person
// whom the insurer knows: the port to an identification service (Provider), the
// comparable forms of names, and the ladder from an identified person to a
// Verdict. It must not know any particular service, nor steps, accounts or HTTP.
//
// A verdict has no score and accepts nothing that only looks alike: it is the
// outcome of rules that can be read to an auditor.
package ident
