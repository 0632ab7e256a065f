; The Windows installer: for one person, no administrator. Silent: vademecum-setup.exe /S [/D=C:\folder]
; Called by packaging/windows.py with PAYLOAD, OUTPUT and VERSION defined.
Unicode true
Name "Vademecum"
OutFile "${OUTPUT}"
RequestExecutionLevel user
InstallDir "$LOCALAPPDATA\Programs\Vademecum"
InstallDirRegKey HKCU "Software\Vademecum" "Folder"
SetCompressor /SOLID lzma
SetCompressorDictSize 64
VIProductVersion "${VERSION}.0"
VIAddVersionKey "ProductName" "Vademecum"
VIAddVersionKey "FileDescription" "Vademecum installer"
VIAddVersionKey "FileVersion" "${VERSION}"
VIAddVersionKey "LegalCopyright" "Apache-2.0"
!include MUI2.nsh
!include FileFunc.nsh
!include LogicLib.nsh
!define UNINSTALL "Software\Microsoft\Windows\CurrentVersion\Uninstall\Vademecum"
; A version is unpacked beside the one in use and exchanged for it when it is whole. Both folders are gone afterwards.
!define NEW "$INSTDIR\~new"
!define OLD "$INSTDIR\~old"
AllowSkipFiles off ; a file that can't be written ends the installation
!define MUI_ABORTWARNING
!insertmacro MUI_PAGE_WELCOME
!define MUI_PAGE_CUSTOMFUNCTION_LEAVE RefuseForeign
!insertmacro MUI_PAGE_DIRECTORY
!insertmacro MUI_PAGE_INSTFILES
!define MUI_FINISHPAGE_RUN "$INSTDIR\vademecum.exe"
!insertmacro MUI_PAGE_FINISH
!insertmacro MUI_UNPAGE_CONFIRM
!insertmacro MUI_UNPAGE_INSTFILES
!insertmacro MUI_LANGUAGE "English"
!insertmacro MUI_LANGUAGE "German"
!insertmacro MUI_LANGUAGE "French"
LangString KEEP ${LANG_ENGLISH} "Keep your workspaces and imported models? With No they are deleted for good."
LangString KEEP ${LANG_GERMAN} "Ihre Arbeitsbereiche und importierten Modelle behalten? Mit Nein werden sie endgültig gelöscht."
LangString KEEP ${LANG_FRENCH} "Conserver vos espaces de travail et modèles importés ? Avec Non, ils sont effacés définitivement."

LangString FOREIGN ${LANG_ENGLISH} "$INSTDIR holds other things. Choose an empty folder, or the one that Vademecum is in."
LangString FOREIGN ${LANG_GERMAN} "In $INSTDIR liegt anderes. Wählen Sie einen leeren Ordner oder den, in dem Vademecum ist."
LangString FOREIGN ${LANG_FRENCH} "$INSTDIR contient autre chose. Choisissez un dossier vide, ou celui de Vademecum."
LangString IN_USE ${LANG_ENGLISH} "$2 can't be replaced; the version before stays. Close Vademecum and start the setup again."
LangString IN_USE ${LANG_GERMAN} "$2 lässt sich nicht ersetzen; die Version davor bleibt. Schließen Sie Vademecum und starten Sie das Setup erneut."
LangString IN_USE ${LANG_FRENCH} "$2 ne peut être remplacé ; la version précédente reste. Fermez Vademecum et relancez l'installation."

Function .onInit
  ${If} ${Silent} ; otherwise the page of the folder asks
    Call RefuseForeign
  ${EndIf}
FunctionEnd

; Names like Lib and resources are common: in another program's folder they would be exchanged for ours.
Function RefuseForeign
  ${DirState} "$INSTDIR" $0
  ${If} $0 == 1 ; neither empty nor missing
  ${AndIfNot} ${FileExists} "$INSTDIR\vademecum.exe"
  ${AndIfNot} ${FileExists} "${NEW}" ; an installation that was cut short
    SetErrorLevel 2
    MessageBox MB_OK|MB_ICONSTOP "$(FOREIGN)" /SD IDOK
    Abort
  ${EndIf}
FunctionEnd

; Moves what lies in $0 into the program's folder, and what has the same names there into $1; $2 names what can't be.
Function Exchange
  StrCpy $2 ""
  CreateDirectory "$1"
  FindFirst $3 $4 "$0\*"
  ${DoWhile} $4 != ""
    ${If} $4 != "."
    ${AndIf} $4 != ".."
      ClearErrors
      ${If} ${FileExists} "$INSTDIR\$4"
        Rename "$INSTDIR\$4" "$1\$4"
      ${EndIf}
      Rename "$0\$4" "$INSTDIR\$4" ; fails where the first one did: the name is taken
      ${If} ${Errors}
        StrCpy $2 $4
        ${ExitDo}
      ${EndIf}
    ${EndIf}
    FindNext $3 $4
  ${Loop}
  FindClose $3
FunctionEnd

; Leaves the program's folder as it was before an installation that failed or was cut short.
Function PutBack
  ${If} ${FileExists} "${NEW}"
  ${AndIf} ${FileExists} "${OLD}"
    StrCpy $0 "${OLD}"
    StrCpy $1 "${NEW}"
    Call Exchange
  ${EndIf}
  RMDir /r "${NEW}"
  RMDir /r "${OLD}"
FunctionEnd

Function .onInstFailed
  SetOutPath "$TEMP" ; a folder that is in use can't be deleted
  Call PutBack
  RMDir "$INSTDIR"
FunctionEnd

Section
  Call PutBack
  SetOutPath "${NEW}"
  File /r "${PAYLOAD}/*"
  WriteUninstaller "${NEW}\uninstall.exe"
  SetOutPath "$INSTDIR"
  StrCpy $0 "${NEW}"
  StrCpy $1 "${OLD}"
  Call Exchange
  ${If} $2 != ""
    Push $2
    Call PutBack
    Pop $2
    MessageBox MB_OK|MB_ICONSTOP "$(IN_USE)" /SD IDOK
    Abort
  ${EndIf}
  RMDir /r "${NEW}" ; first: while it is there, the old version would be put back
  RMDir /r "${OLD}"
  CreateShortCut "$SMPROGRAMS\Vademecum.lnk" "$INSTDIR\vademecum.exe"
  WriteRegStr HKCU "Software\Vademecum" "Folder" "$INSTDIR"
  ; A workspace is a folder: it gets an entry in the folder's context menu.
  WriteRegStr HKCU "Software\Classes\Directory\shell\Vademecum" "" "Open with Vademecum"
  WriteRegStr HKCU "Software\Classes\Directory\shell\Vademecum" "Icon" "$INSTDIR\vademecum.exe"
  WriteRegStr HKCU "Software\Classes\Directory\shell\Vademecum\command" "" '"$INSTDIR\vademecum.exe" "%1"'
  WriteRegStr HKCU "${UNINSTALL}" "DisplayName" "Vademecum"
  WriteRegStr HKCU "${UNINSTALL}" "DisplayVersion" "${VERSION}"
  WriteRegStr HKCU "${UNINSTALL}" "DisplayIcon" "$INSTDIR\vademecum.exe"
  WriteRegStr HKCU "${UNINSTALL}" "InstallLocation" "$INSTDIR"
  WriteRegStr HKCU "${UNINSTALL}" "UninstallString" '"$INSTDIR\uninstall.exe"'
  WriteRegStr HKCU "${UNINSTALL}" "QuietUninstallString" '"$INSTDIR\uninstall.exe" /S'
  ; Allowed for administrators only; for others it fails and changes nothing.
  nsExec::Exec 'netsh advfirewall firewall add rule name="Vademecum: no network" dir=out action=block program="$INSTDIR\vademecum.exe"'
  nsExec::Exec 'netsh advfirewall firewall add rule name="Vademecum: no network" dir=out action=block program="$INSTDIR\vademecum-engine.exe"'
SectionEnd

Section Uninstall
  IfSilent keep
  MessageBox MB_YESNO|MB_ICONQUESTION|MB_DEFBUTTON1 "$(KEEP)" IDYES keep
  RMDir /r "$LOCALAPPDATA\vademecum"
keep:
  nsExec::Exec 'netsh advfirewall firewall delete rule name="Vademecum: no network"'
  Delete "$SMPROGRAMS\Vademecum.lnk"
  ; Only what was installed: a folder of the person's own inside it stays.
  !include "${LISTING}"
  RMDir /r "${NEW}"
  RMDir /r "${OLD}"
  Delete "$INSTDIR\uninstall.exe"
  RMDir "$INSTDIR"
  RMDir /r "$LOCALAPPDATA\vademecum\Logs"
  Delete "$LOCALAPPDATA\vademecum\window.ini"
  RMDir "$LOCALAPPDATA\vademecum" ; only when no workspace is in it
  DeleteRegKey HKCU "Software\Classes\Directory\shell\Vademecum"
  DeleteRegKey HKCU "Software\Vademecum"
  DeleteRegKey HKCU "${UNINSTALL}"
SectionEnd
