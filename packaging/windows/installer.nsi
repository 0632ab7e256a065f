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
!define UNINSTALL "Software\Microsoft\Windows\CurrentVersion\Uninstall\Vademecum"
!define MUI_ABORTWARNING
!insertmacro MUI_PAGE_WELCOME
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

Section
  ; What an older version left would be imported by the new one: the program's own folders are emptied first.
  RMDir /r "$INSTDIR\Lib"
  RMDir /r "$INSTDIR\resources"
  SetOutPath "$INSTDIR"
  File /r "${PAYLOAD}/*"
  WriteUninstaller "$INSTDIR\uninstall.exe"
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
  Delete "$INSTDIR\uninstall.exe"
  RMDir "$INSTDIR"
  RMDir /r "$LOCALAPPDATA\vademecum\Logs"
  RMDir "$LOCALAPPDATA\vademecum" ; only when no workspace is in it
  DeleteRegKey HKCU "Software\Classes\Directory\shell\Vademecum"
  DeleteRegKey HKCU "Software\Vademecum"
  DeleteRegKey HKCU "${UNINSTALL}"
SectionEnd
