<#import "template.ftl" as layout>
<#import "field.ftl" as field>
<#import "buttons.ftl" as buttons>
<#import "social-providers.ftl" as identityProviders>
<#import "passkeys.ftl" as passkeys>
<#-- An insurance number comes from the page before and is not typed twice: it is shown, not editable.
     Any other user name (staff, partners) keeps the ordinary field. -->
<#assign number = (login.username!'')?matches('[A-Za-z][0-9]{9}')?then((login.username!'')?upper_case, '')>
<@layout.registrationLayout displayMessage=!messagesPerField.existsError('username','password') displayInfo=false; section>
    <#if section = "header">
        ${msg("loginAccountTitle")}
    <#elseif section = "form">
        <div id="kc-form">
          <div id="kc-form-wrapper">
            <#if realm.password>
                <form id="kc-form-login" class="${properties.kcFormClass!}" onsubmit="login.disabled = true; return true;" action="${url.loginAction}" method="post" novalidate="novalidate">
                    <#if !usernameHidden??>
                        <#if number?has_content>
                            <@field.group name="username" label=msg("kvnr") error="">
                                <span class="${properties.kcInputClass} ${properties.kcFormReadOnlyClass}">
                                    <input id="username" name="username" value="${number}" type="text" readonly
                                        autocomplete="${(enableWebAuthnConditionalUI?has_content)?then('username webauthn', 'username')}" aria-describedby="other-number"/>
                                </span>
                            </@field.group>
                            <p class="schleuse-quiet"><a id="other-number" href="${url.loginRestartFlowUrl}">${msg("otherKvnr")}</a></p>
                        <#else>
                            <@field.input name="username" label=msg("username") error=messagesPerField.getFirstError('username','password')
                                autofocus=true autocomplete="${(enableWebAuthnConditionalUI?has_content)?then('username webauthn', 'username')}" value=login.username!'' />
                        </#if>
                    </#if>
                    <@field.password name="password" label=msg("password") error=number?has_content?then(messagesPerField.getFirstError('username','password'), '')
                        forgotPassword=realm.resetPasswordAllowed autofocus=(usernameHidden?? || number?has_content) autocomplete="current-password">
                    </@field.password>
                    <input type="hidden" id="id-hidden-input" name="credentialId" <#if auth.selectedCredential?has_content>value="${auth.selectedCredential}"</#if>/>
                    <@buttons.loginButton />
                </form>
            </#if>
          </div>
        </div>
        <@passkeys.conditionalUIData />
    <#elseif section = "socialProviders" >
        <#if realm.password && social.providers?? && social.providers?has_content>
            <@identityProviders.show social=social/>
        </#if>
    </#if>
</@layout.registrationLayout>
