// Package charts_test proves the Helm chart: it is linted, rendered by both
// versions of Helm, checked against Kubernetes' schemas and the Pod Security
// Standard, and what it renders is really run from the image.
package charts_test
