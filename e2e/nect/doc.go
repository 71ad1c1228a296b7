// Package nect plays the identification service Nect: its interface as far as
// that is known second-hand, the app with which people identify themselves, and
// every way in which such a service can fail. Nobody is identified: the page
// asks what should come of it.
//
// It is no model of the real service, whose interface is not public.
package nect
