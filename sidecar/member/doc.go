// Package member owns what the insurer's master data says about an insured
// person: the insurance number (KVNR), health cards (eGK), membership status.
// It must not know where that data comes from (a file, a web service), nor
// anything of accounts, logins or HTTP.
package member
