// Package mine is what people see and do about their own phones in a browser
// ("Meine Geräte"): the list, another name, blocking, what was asked of them,
// and "das war ich nicht". It owns these pages and who may do what on them. It
// must not know how a session comes about (package relying), nor what a phone
// or an approval is made of (packages device and approval).
//
// Whoever stands here has proven themselves a quarter of an hour ago at most,
// and everything here takes rights away: so it needs no second factor. Nothing
// here registers, unlocks or replaces a phone.
package mine
