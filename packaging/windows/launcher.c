/* vademecum.exe and vademecum-engine.exe: start the Python beside them inside this process, so that the task manager
   shows our name. Built twice; CONSOLE is set for the command line. */

#include <stdio.h>
#include <stdlib.h>
#include <wchar.h>
#include <windows.h>

typedef int (*python_main)(int, wchar_t **);

static int fail(const wchar_t *text) {
#ifdef CONSOLE
    fwprintf(stderr, L"%ls\n", text);
#else
    MessageBoxW(NULL, text, L"Vademecum", MB_ICONERROR);
#endif
    return 1;
}

static int start(int count, wchar_t **arguments) {
    static wchar_t folder[32768], library[32768];
    DWORD length = GetModuleFileNameW(NULL, folder, 32768);
    wchar_t *end = wcsrchr(folder, L'\\');
    if (length == 0 || length >= 32768 || end == NULL) return fail(L"The program's folder can't be found.");
    *end = 0;
    swprintf(library, 32768, L"%ls\\python311.dll", folder);
    /* Neither the current folder nor PATH may lend a DLL. */
    SetDefaultDllDirectories(LOAD_LIBRARY_SEARCH_APPLICATION_DIR | LOAD_LIBRARY_SEARCH_SYSTEM32 |
                             LOAD_LIBRARY_SEARCH_USER_DIRS);
    HMODULE python = LoadLibraryExW(library, NULL, LOAD_LIBRARY_SEARCH_DLL_LOAD_DIR | LOAD_LIBRARY_SEARCH_SYSTEM32);
    if (python == NULL) return fail(L"python311.dll can't be loaded. Install Vademecum again.");
    python_main run = (python_main)(void *)GetProcAddress(python, "Py_Main");
    if (run == NULL) return fail(L"python311.dll is not the one of this program. Install Vademecum again.");

    /* -I: no environment variable and no user folder changes what is loaded. */
    wchar_t **full = calloc(count + 4, sizeof *full);
    int filled = 0;
    full[filled++] = arguments[0];
    full[filled++] = L"-I";
    full[filled++] = L"-m";
#ifdef CONSOLE
    full[filled++] = L"engine";
#else
    full[filled++] = L"desktop";
#endif
    for (int place = 1; place < count; place++) full[filled++] = arguments[place];
    return run(filled, full);
}

#ifdef CONSOLE
int wmain(int count, wchar_t **arguments) { return start(count, arguments); }
#else
int WINAPI wWinMain(HINSTANCE instance, HINSTANCE before, PWSTR line, int show) {
    int count = 0;
    wchar_t **arguments = CommandLineToArgvW(GetCommandLineW(), &count);
    (void)instance, (void)before, (void)line, (void)show;
    return start(count, arguments);
}
#endif
