-- Dovecot 2.3, userdb lua. PERSON~WORD@DOMAIN, on its way to a secretariat, becomes PERSON@DOMAIN; nobody else is known.
function auth_userdb_lookup(request)
  local person, domain = string.match(request.user, "^([^~@]+)~[a-z]+@([^~@]+)$")
  if person == nil then
    return dovecot.auth.USERDB_RESULT_USER_UNKNOWN, ""
  end
  return dovecot.auth.USERDB_RESULT_OK, "user=" .. person .. "@" .. domain
end

function auth_userdb_iterate()
  return {}
end
