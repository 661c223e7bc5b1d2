# RFC 5228. What comes to a secretariat in somebody's place bears for whom it was (RFC 8098 section 2.3), which its own To
# header need not say: a blind copy is shown to the secretary alone. Nothing else of it changes, the subject least of all
# (XDM). A header of that name that the sender wrote is a lie either way.
require ["editheader", "envelope", "variables"];
deleteheader "Original-Recipient";
if envelope :matches "to" "*~*@*" {
  addheader "Original-Recipient" "rfc822; ${1}@${3}";
}
