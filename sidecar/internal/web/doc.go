// Package web owns what people see: the layout of a page, its language, its
// security headers, and the one table that turns a fault.Kind into an HTTP
// status. Every page is rendered into a buffer first, so that nobody gets half
// a page with a 200.
//
// Pages work without JavaScript, load nothing from another host, and are
// served under a Content-Security-Policy that allows neither inline scripts
// nor inline styles. A page may bring a script that makes it easier to use; the
// policy of that page alone allows for it. The base is KERN, the design system of the German public
// administration (see assets/README.md), with a small style sheet of our own.
//
// It must not know what a page is for: which step is next, who the person is,
// what a form's answer means.
package web
