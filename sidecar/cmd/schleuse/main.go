// Command schleuse is a lock in front of a Keycloak realm, with the
// extensions of this repository.
package main

import (
	"github.com/schleuse/schleuse/extensions/apns"
	"github.com/schleuse/schleuse/extensions/csv"
	"github.com/schleuse/schleuse/extensions/egk"
	"github.com/schleuse/schleuse/extensions/fcm"
	"github.com/schleuse/schleuse/extensions/http"
	"github.com/schleuse/schleuse/extensions/kvnr"
	"github.com/schleuse/schleuse/extensions/letter"
	"github.com/schleuse/schleuse/extensions/mail"
	"github.com/schleuse/schleuse/extensions/nect"
	"github.com/schleuse/schleuse/extensions/password"
	"github.com/schleuse/schleuse/extensions/phone"
	"github.com/schleuse/schleuse/extensions/stepup"
	"github.com/schleuse/schleuse/extensions/webhook"
	"github.com/schleuse/schleuse/sidecar/command"
)

func main() {
	command.Main(
		apns.Factory(),
		csv.Factory(),
		egk.Factory(),
		fcm.Factory(),
		http.Factory(),
		kvnr.Factory(),
		letter.Factory(),
		mail.Factory(),
		nect.Factory(),
		password.Factory(),
		webhook.Factory(),
		phone.Factory(),
		stepup.Factory(),
	)
}
