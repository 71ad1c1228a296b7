package wire

import (
	"net/http"
	"strings"
)

// Tab is Keycloak's id of one authentication among several in a browser, the
// `tab_id` of its pages.
type Tab string

// maxTab is longer than any tab id of Keycloak (11 characters).
const maxTab = 64

// TabOfRequest reads which authentication a request belongs to: `tab_id`, or
// at the broker's return the second segment of `state` or RelayState, which
// Keycloak writes as state.tab.client. form is the body of a POST, or nil. ""
// means none, or more than one.
func TabOfRequest(r Route, query, form Params) Tab {
	names := []string{"tab_id"}
	if r == BrokerEndpoint {
		names = []string{"state", "RelayState"}
	}
	var found Tab
	for _, params := range []Params{query, form} {
		for _, p := range params {
			if !contains(names, p.Name) {
				continue
			}
			tab := tabOf(r, p.Value)
			if tab == "" || (found != "" && tab != found) {
				return ""
			}
			found = tab
		}
	}
	return found
}

func tabOf(r Route, value string) Tab {
	if r == BrokerEndpoint {
		parts := strings.SplitN(value, ".", 4)
		if len(parts) < 3 {
			return ""
		}
		value = parts[1]
	}
	return validTab(value)
}

func validTab(value string) Tab {
	if value == "" || len(value) > maxTab {
		return ""
	}
	for i := 0; i < len(value); i++ {
		if c := value[i]; !isAlphanumeric(c) && c != '-' && c != '_' {
			return ""
		}
	}
	return Tab(value)
}

// TabOfAnswer reads which authentication a response goes on with: from a
// Location on the own origin, else from the actions of its forms. ""
// means none, or more than one.
func TabOfAnswer(own Origin, h http.Header, body []byte) Tab {
	tab, _ := onlyParam(own, h, body, "tab_id", validTab)
	return tab
}

// ExecutionOfAnswer reads which step of its flow Keycloak asks for in a
// response, the `execution` of its addresses. "" means none, or more than one.
func ExecutionOfAnswer(own Origin, h http.Header, body []byte) string {
	execution, _ := onlyParam(own, h, body, "execution", func(s string) string { return s })
	return execution
}

// onlyParam reads a parameter from a Location on the own origin, else from the
// actions of the page's forms; ok is false where two differ.
func onlyParam[T ~string](own Origin, h http.Header, body []byte, name string, read func(string) T) (found T, ok bool) {
	addresses := h["Location"]
	if len(addresses) == 0 && len(body) > 0 {
		page, err := ReadPage(body)
		if err != nil {
			return "", false
		}
		for _, f := range page.Forms {
			addresses = append(addresses, f.Actions...)
		}
	}
	for _, address := range addresses {
		if !own.Owns(address) {
			continue
		}
		value := read(addressParams(address).Get(name))
		switch {
		case value == "":
		case found != "" && value != found:
			return "", false
		default:
			found = value
		}
	}
	return found, true
}
