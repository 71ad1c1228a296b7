// Package keyring owns the keys: which purposes exist, which version of a key
// is used, how a key is replaced without an outage, and the one file that
// holds them. It must not know what is sealed or signed with them.
//
// Every purpose has one or more versions. The primary (the newest that is
// active) seals, signs and makes MACs; all versions open and verify. A new
// version becomes primary ActivationDelay after it was made, so that by then
// every replica has read it.
//
// Key material leaves the package only through Save and as crypto interfaces;
// printing a Ring prints none of it.
package keyring
