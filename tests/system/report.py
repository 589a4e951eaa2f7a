# SPDX-License-Identifier: Apache-2.0
"""Runs unittest classes and writes their result where GoogleTest would ($GTEST_OUTPUT=xml:FOLDER/)."""
import os
import sys
import unittest
import xml.etree.ElementTree as xml


class Recorder(unittest.TextTestResult):
    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.cases = xml.Element("testsuites")

    def _case(self, test):
        return xml.SubElement(self.cases, "testcase", classname=type(test).__name__,
                              name=getattr(test, "_testMethodName", str(test)), status="run")

    def addSuccess(self, test):
        super().addSuccess(test)
        self._case(test)

    def addFailure(self, test, error):
        super().addFailure(test, error)
        xml.SubElement(self._case(test), "failure", message=str(error[1]))

    def addError(self, test, error):
        super().addError(test, error)
        xml.SubElement(self._case(test), "failure", message=str(error[1]))

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        xml.SubElement(self._case(test), "skipped", message=reason)


def stay_apart(prepare):
    """Starts this program again in network and mount namespaces of its own; `prepare` before."""
    if os.environ.get("VIREO_APART") == str(os.getppid()) or os.geteuid() != 0:
        return
    prepare()
    os.environ["VIREO_APART"] = str(os.getppid())
    os.execvp("unshare", ["unshare", "--net", "--mount", "--propagation", "private",
                          sys.executable, *sys.argv])


def run(name, *cases, prepare=lambda: None):
    stay_apart(prepare)
    if os.geteuid() != 0:
        cases = [unittest.skip("needs root")(case) for case in cases]
    loader = unittest.defaultTestLoader
    suite = unittest.TestSuite(loader.loadTestsFromTestCase(case) for case in cases)
    result = unittest.TextTestRunner(verbosity=2, resultclass=Recorder).run(suite)
    where = os.environ.get("GTEST_OUTPUT", "")
    if where.startswith("xml:"):
        xml.ElementTree(result.cases).write(where[4:] + name + ".xml")
    sys.exit(0 if result.wasSuccessful() else 1)
